//! Finds email addresses that look like typing mistakes, such as `ann@gmial.com`. The check page asks about them and
//! refuses none, because the domain may exist. A wrong question costs a glance; a wrong address costs every answer.

use super::super::form::{Application, Field};
use crate::values::shared_domains::{MAIL_PROVIDERS, shared_host};
use crate::values::{DomainName, EmailAddress};

/// An email address that is close to a likelier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typo {
    /// The question.
    pub field: Field,
    /// The address as given.
    pub given: EmailAddress,
    /// The likelier address.
    pub suggestion: EmailAddress,
    /// Whether the address is close to the organization's domain name, so that name may be the wrong one.
    pub is_near_own_domain: bool,
    /// Whether only the ending differs from the organization's domain name. Then neither address is likelier.
    pub same_name_other_ending: bool,
}

impl Typo {
    /// Finds the likely typos among the email addresses of an application, in form order.
    pub(super) fn all(application: &Application) -> impl Iterator<Item = Self> {
        let own = application.domain_name();
        let emails = application.emails();
        emails.filter_map(move |(field, given)| Self::find(field, given, own))
    }

    fn find(field: Field, given: &EmailAddress, own: &DomainName) -> Option<Self> {
        let likely_domain = likely_domain(given.domain(), own);
        let respelled = given.likely_spelling();
        if likely_domain.is_none() && respelled.is_none() {
            return None;
        }
        let domain = likely_domain.unwrap_or(given.domain().unicode());
        let mailbox = respelled.as_ref().unwrap_or(given).mailbox();
        let suggestion = EmailAddress::parse(&format!("{mailbox}@{domain}")).ok()?;
        let is_near_own_domain = likely_domain == Some(own.registered());
        let distance = distance_within(given.domain().unicode(), own.registered());
        (suggestion != *given).then(|| Self {
            field,
            given: given.clone(),
            suggestion,
            is_near_own_domain,
            same_name_other_ending: is_near_own_domain && distance.is_none(),
        })
    }
}

/// Replaces the email address at this question by its suggestion, if there is a likelier address.
#[must_use]
pub fn with_suggestion(application: Application, field: Field) -> Application {
    let typo = Typo::all(&application).find(|typo| typo.field == field && !typo.same_name_other_ending);
    match typo {
        Some(typo) => application.with_email(field, typo.suggestion),
        None => application,
    }
}

/// Returns the domain that was probably meant, if it differs: the organization's own first, then the closest mail provider.
fn likely_domain<'a>(given: &DomainName, own: &'a DomainName) -> Option<&'a str> {
    let is_own = given.is_within(own) || own.is_within(given);
    if is_own || MAIL_PROVIDERS.contains(&given.unicode()) {
        return None;
    }
    let registered = own.registered();
    // A shared host has no mailboxes of the organization. A name of mixed scripts may be the wrong one of the two.
    let may_be_meant = shared_host(own).is_none() && !own.mixes_scripts();
    let is_near = || distance_within(given.unicode(), registered).is_some() || same_name_other_ending(given, own);
    if may_be_meant && is_near() {
        return Some(registered);
    }
    let distance = |provider: &&'static str| Some((distance_within(given.unicode(), provider)?, *provider));
    let near = MAIL_PROVIDERS.iter().filter_map(distance);
    near.min_by_key(|(distance, _)| *distance).map(|(_, provider)| provider)
}

/// Returns whether both are one name with different endings. Many organizations have two; others mistype theirs.
fn same_name_other_ending(given: &DomainName, own: &DomainName) -> bool {
    let name = |domain: &DomainName| domain.registered().split('.').next().map(str::to_owned);
    name(given) == name(own) && given.registered() != own.registered()
}

/// Returns the number of typing mistakes between two domains, in the name, in the ending, or in both: `gmial.com`,
/// `gmail.con`, `gmial.con`. Returns `None` if there are too many.
fn distance_within(given: &str, known: &str) -> Option<usize> {
    let (name, ending) = given.split_once('.')?;
    let (known_name, known_ending) = known.split_once('.')?;
    let most = most_mistakes(known_name);
    // Each mistake changes the length of a name by one letter at most.
    if name.chars().count().abs_diff(known_name.chars().count()) > most {
        return None;
    }
    let in_name = distance(name, known_name);
    let is_near = in_name <= most && is_ending_near(ending, known_ending);
    is_near.then(|| in_name + distance(ending, known_ending))
}

/// Allows one mistake, and none in a label of two letters: those are countries, and one letter makes another country.
fn is_ending_near(given: &str, known: &str) -> bool {
    let mistakes = |(label, known): (&str, &str)| match distance(label, known) {
        0 => 0,
        _ if known.len() <= 2 => usize::MAX,
        mistakes => mistakes,
    };
    let labels = given.split('.').zip(known.split('.'));
    given.split('.').count() == known.split('.').count() && labels.map(mistakes).fold(0, usize::saturating_add) <= 1
}

/// Counts typing mistakes: a letter too many, too few, another letter, or two that changed places.
fn distance(given: &str, known: &str) -> usize {
    strsim::osa_distance(given, known)
}

/// Returns how many mistakes a name may have. Short names have too many real neighbors, such as live and love.
fn most_mistakes(name: &str) -> usize {
    match name.chars().count() {
        ..5 => 0,
        5..9 => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::form::{check, good_with};

    fn suggested(given: &str) -> Option<String> {
        let own = DomainName::parse("afyabora.or.ke").unwrap();
        let given = EmailAddress::parse(&format!("ann@{given}")).unwrap();
        likely_domain(given.domain(), &own).map(str::to_owned)
    }

    #[test]
    fn a_likely_typo_has_a_suggestion() {
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
            assert_eq!(suggested(given).as_deref(), Some(likely), "{given}");
        }
    }

    #[test]
    fn a_real_neighbor_is_no_typo() {
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
            "small.com",
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
            assert_eq!(suggested(given), None, "{given}");
        }
    }

    #[test]
    fn only_the_registered_name_is_suggested_never_a_shared_host() {
        let suggested = |given: &str, own: &str| {
            let given = EmailAddress::parse(&format!("ann@{given}")).unwrap();
            likely_domain(given.domain(), &DomainName::parse(own).unwrap()).map(str::to_owned)
        };
        assert_eq!(suggested("grupo.org", "grupo.github.io"), None);
        assert_eq!(suggested("alumni.harvard.edu", "alumni.example.org"), None);
        assert_eq!(suggested("www2.bar.org", "www2.foo.org"), None);
        assert_eq!(suggested("mail.ch", "mail.example.org"), None);
        assert_eq!(
            suggested("example.org", "exаmple.org"),
            None,
            "a Cyrillic а in one's own"
        );
        assert_eq!(suggested("afyabora.org", "kenya.afyabora.org"), None);
        assert_eq!(
            suggested("afybora.org", "kenya.afyabora.org").as_deref(),
            Some("afyabora.org")
        );
    }

    #[test]
    fn a_suggestion_replaces_only_the_address_that_it_is_for() {
        let answer = |typed, field| {
            let suggested = with_suggestion(
                check(&good_with(&[(Field::RepresentativeEmail, typed)])).unwrap(),
                field,
            );
            let answers = suggested.answers();
            [Field::RepresentativeEmail, Field::AlternateEmail].map(|field| answers.one(field).map(str::to_owned))
        };
        let kept = |address: &str| [Some(address.to_owned()), None];
        let (mistyped, meant) = ("ann@gmial.com", "ann@gmail.com");
        assert_eq!(answer(mistyped, Field::RepresentativeEmail), kept(meant));
        assert_eq!(answer(mistyped, Field::AlternateEmail), kept(mistyped));
        let other_ending = "ann@afyabora.co.ke";
        assert_eq!(answer(other_ending, Field::RepresentativeEmail), kept(other_ending));
    }
}
