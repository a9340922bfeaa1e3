//! Mail addresses that look like slips of the hand: `ann@gmial.com`. Only asked about, never refused:
//! the domain may well exist. A wrong question costs a glance, a wrong address costs every answer.

use super::answers::Answers;
use super::check::emails;
use super::question::Field;
use crate::values::shared_domains::{MAIL_PROVIDERS, shared_host};
use crate::values::{DomainName, EmailAddress};

/// An address that is one slip away from another that is likelier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slip {
    /// The question it answers.
    pub field: Field,
    /// As given.
    pub given: EmailAddress,
    /// As it was probably meant.
    pub meant: EmailAddress,
    /// Whether it is near the organization's own domain, so that the slip may be in that as well.
    pub is_near_own: bool,
    /// Whether only the ending is another, as of an organization that has two names: then neither is likelier.
    pub is_twin: bool,
}

/// The likely slips among the addresses of an application, in form order.
pub(super) fn slips(answers: &Answers, own_domain: &DomainName) -> Vec<Slip> {
    emails(answers)
        .filter_map(|(field, given)| slip(field, given, own_domain))
        .collect()
}

fn slip(field: Field, given: EmailAddress, own_domain: &DomainName) -> Option<Slip> {
    let likelier = likelier(given.domain(), own_domain);
    let domain = likelier.unwrap_or(given.domain().unicode());
    let respelled = given.likely_spelling();
    let mailbox = respelled.as_ref().unwrap_or(&given).mailbox();
    let meant = EmailAddress::parse(&format!("{mailbox}@{domain}")).ok()?;
    let is_near_own = likelier == Some(own_domain.registered());
    let is_twin = is_near_own && near(given.domain().unicode(), own_domain.registered()).is_none();
    (meant != given).then_some(Slip {
        field,
        given,
        meant,
        is_near_own,
        is_twin,
    })
}

/// The domain that was probably meant, if it is another: the organization's own before all others,
/// then the nearest of the well-known ones.
fn likelier<'a>(given: &DomainName, own: &'a DomainName) -> Option<&'a str> {
    let is_own = given.is_within(own) || own.is_within(given);
    if is_own || MAIL_PROVIDERS.contains(&given.unicode()) {
        return None;
    }
    let registered = own.registered();
    // Nobody has mail at a name that is a host's. A name of mixed scripts may be a look-alike, and the address the right one.
    let may_be_meant = shared_host(own).is_none() && !own.mixes_scripts();
    let is_near_own = may_be_meant && (near(given.unicode(), registered).is_some() || is_twin(given, own));
    is_near_own.then_some(registered).or_else(|| {
        let near = MAIL_PROVIDERS
            .iter()
            .filter_map(|known| Some((near(given.unicode(), known)?, *known)));
        near.min_by_key(|(slips, _)| *slips).map(|(_, known)| known)
    })
}

/// The same name registered under another ending. Many organizations have two; others mistake their
/// own.
fn is_twin(given: &DomainName, own: &DomainName) -> bool {
    let name = |domain: &DomainName| domain.registered().split('.').next().map(str::to_owned);
    name(given) == name(own) && given.registered() != own.registered()
}

/// How many slips apart they are, in the name, in the ending, or in both: `gmial.com`, `gmail.con`,
/// `gmial.con`. Nothing where that is too many.
fn near(given: &str, known: &str) -> Option<usize> {
    let (name, ending) = given.split_once('.')?;
    let (known_name, known_ending) = known.split_once('.')?;
    let most = slips_in_a_name(known_name);
    // Each slip makes a name longer or shorter by one letter at most.
    if name.chars().count().abs_diff(known_name.chars().count()) > most {
        return None;
    }
    let slips = distance(name, known_name);
    let is_near = slips <= most && is_ending_near(ending, known_ending);
    is_near.then(|| slips + distance(ending, known_ending))
}

/// At most one slip, and none in a label of two letters: those are countries, and one letter away
/// lies another country.
fn is_ending_near(given: &str, known: &str) -> bool {
    let slips = |(label, known): (&str, &str)| match distance(label, known) {
        0 => 0,
        _ if known.len() <= 2 => usize::MAX,
        slips => slips,
    };
    let labels = given.split('.').zip(known.split('.'));
    given.split('.').count() == known.split('.').count() && labels.map(slips).fold(0, usize::saturating_add) <= 1
}

/// One slip is a letter too many, too few, another, or two that changed places.
fn distance(given: &str, known: &str) -> usize {
    strsim::osa_distance(given, known)
}

/// Short names have too many real neighbors (live, love; aol, abl); long ones have room for two.
fn slips_in_a_name(name: &str) -> usize {
    match name.chars().count() {
        ..5 => 0,
        5..9 => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(given: &str) -> Option<String> {
        let own = DomainName::parse("afyabora.or.ke").unwrap();
        let given = EmailAddress::parse(&format!("ann@{given}")).unwrap();
        likelier(given.domain(), &own).map(str::to_owned)
    }

    #[test]
    fn a_likely_slip_is_seen_with_what_was_meant() {
        for (given, likely) in [
            ("gmial.com", "gmail.com"),
            ("gmai.com", "gmail.com"),
            ("gmal.com", "gmail.com"),
            ("gmil.com", "gmail.com"),
            ("gmaill.com", "gmail.com"),
            ("gnail.com", "gmail.com"),
            ("gamil.com", "gmail.com"),
            ("gmail.con", "gmail.com"),
            ("gmail.co", "gmail.com"),
            ("gmail.om", "gmail.com"),
            ("gmail.cm", "gmail.com"),
            ("gmail.cmo", "gmail.com"),
            ("gmail.comm", "gmail.com"),
            ("gmial.con", "gmail.com"),
            ("GMIAL.COM", "gmail.com"),
            ("googlemial.com", "googlemail.com"),
            ("gogolemail.com", "googlemail.com"),
            ("yaho.com", "yahoo.com"),
            ("yahooo.com", "yahoo.com"),
            ("yhaoo.com", "yahoo.com"),
            ("yahoo.cm", "yahoo.com"),
            ("yahoo.con", "yahoo.com"),
            ("hotmial.com", "hotmail.com"),
            ("hotmal.com", "hotmail.com"),
            ("hotnail.com", "hotmail.com"),
            ("hotmail.co", "hotmail.com"),
            ("outlok.com", "outlook.com"),
            ("outloook.com", "outlook.com"),
            ("outlook.cpm", "outlook.com"),
            ("iclud.com", "icloud.com"),
            ("icloud.co", "icloud.com"),
            ("protonmial.com", "protonmail.com"),
            ("redifmail.com", "rediffmail.com"),
            ("yadnex.ru", "yandex.ru"),
            ("nvaer.com", "naver.com"),
            ("qq.con", "qq.com"),
            ("163.con", "163.com"),
            ("uol.con.br", "uol.com.br"),
            ("afybora.or.ke", "afyabora.or.ke"),
            ("afyabroa.or.ke", "afyabora.or.ke"),
            ("yaho.com.br", "yahoo.com.br"),
            ("t-onlin.de", "t-online.de"),
            ("afyabora.co.ke", "afyabora.or.ke"),
            ("afyabora.org", "afyabora.or.ke"),
            ("ymail.co", "ymail.com"),
            ("mail.co", "mail.com"),
        ] {
            assert_eq!(meant(given).as_deref(), Some(likely), "{given}");
        }
    }

    #[test]
    fn a_real_neighbor_is_not_asked_about() {
        for given in MAIL_PROVIDERS.iter().copied().chain([
            "afyabora.or.ke",
            "mail.afyabora.or.ke",
            "or.ke",
            "example.org",
            "example.com",
            "or.org",
            "love.com",
            "life.com",
            "hive.com",
            "amail.example",
            "gmail.example.org",
            "mail.gmail.com",
            "gmail.fr",
            "gmx.fr",
            "yahoo.com.au",
            "yahoo.pl",
            "hotmail.it",
            "outlook.de",
            "live.nl",
            "mail.ee",
            "qq.cn",
            "web.dev",
            "icann.org",
            "npoc.org",
            "unicef.org",
            "例え.テスト",
            "مثال.إختبار",
            "xn--r8jz45g.xn--zckzah",
        ]) {
            assert_eq!(meant(given), None, "{given}");
        }
    }

    #[test]
    fn ones_own_name_is_the_one_that_was_registered_and_never_a_hosts() {
        let meant = |given: &str, own: &str| {
            let given = EmailAddress::parse(&format!("ann@{given}")).unwrap();
            likelier(given.domain(), &DomainName::parse(own).unwrap()).map(str::to_owned)
        };
        assert_eq!(meant("grupo.org", "grupo.github.io"), None);
        assert_eq!(meant("alumni.harvard.edu", "alumni.example.org"), None);
        assert_eq!(meant("www2.bar.org", "www2.foo.org"), None);
        assert_eq!(meant("mail.ch", "mail.example.org"), None);
        assert_eq!(meant("example.org", "exаmple.org"), None, "a Cyrillic а in one's own");
        assert_eq!(
            meant("afybora.org", "kenya.afyabora.org").as_deref(),
            Some("afyabora.org")
        );
    }
}
