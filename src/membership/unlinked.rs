//! Text of strangers in emails from NPOC, changed so that no email program turns it into a link. Readers trust such an
//! email.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};
use url::Url;

use crate::values::{DomainName, EmailAddress};

/// Returns the text with every address broken, as in `https[:]//evil[.]example/`, except addresses of the organization's
/// own domain. Adds the host of a web address in ASCII, because the host may hide behind a user name or imitate another.
#[must_use]
pub fn unlinked(text: &str, own: Option<&DomainName>) -> String {
    let mut safe = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        if own.is_some_and(|own| is_of(own, bare)) {
            safe.push_str(bare);
        } else {
            safe.push_str(&broken(bare));
            safe.extend(leads_to(bare));
        }
        safe.push_str(&word[bare.len()..]);
    }
    safe
}

/// Returns an email address as it is, so that staff can use it. Breaks an address whose mailbox looks like a host and has
/// unusual characters, because programs make a link of `www.evil.example/x@gmail.com`.
#[must_use]
pub fn mail_address(address: &EmailAddress) -> String {
    let (written, mailbox) = (address.to_string(), address.mailbox());
    if is_made_of(mailbox, "-._+'&=%~$\u{200c}\u{200d}") || unlinked(mailbox, None) == mailbox {
        written
    } else {
        unlinked(&written, None)
    }
}

/// Returns whether a word is one address of this domain and nothing else. A program may end a link at any punctuation and
/// begin another after it, so the address may contain only characters at which no program ends a link.
fn is_of(own: &DomainName, word: &str) -> bool {
    let Some(address) = without_scheme(bare(word)) else {
        return false;
    };
    let (place, path) = address.split_at(address.find(['/', '?', '#']).unwrap_or(address.len()));
    let (user, name) = place.split_once('@').unwrap_or(("", place));
    let is_plain = is_made_of(user, "-._+") && is_made_of(name, "-.:") && is_made_of(path, "-._~/?#=&%+");
    let host = host(place).unwrap_or_default();
    let rest = host.strip_suffix(own.ascii());
    is_plain && rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Returns a web address without its scheme, or `None` for another scheme.
fn without_scheme(word: &str) -> Option<&str> {
    match word.split_once("://") {
        Some((scheme, rest)) => {
            let is_known = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
            is_known.then_some(rest)
        }
        None => Some(word),
    }
}

fn is_made_of(text: &str, signs: &str) -> bool {
    text.chars().all(|c| is_of_word(c) || signs.contains(c))
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c.general_category_group() == GeneralCategoryGroup::Mark
}

/// Removes the punctuation around a word.
fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !is_of_word(c) && !matches!(c, '/' | '[' | ']' | '-'))
}

/// Names the host of the first web address in a word, with any scheme.
fn leads_to(word: &str) -> Option<String> {
    let (_, address) = word.split_once("://")?;
    Some(format!(" [leads to {}]", broken(&host(address)?)))
}

/// Returns the host, in ASCII, of an address without its scheme.
fn host(address: &str) -> Option<String> {
    let url = Url::parse(&format!("http://{}", bare(address))).ok()?;
    url.host_str().map(str::to_owned)
}

/// Puts brackets around characters that make a text an address: the colon of a scheme, the dot before a name, and the
/// second backslash before the name of a Windows computer. Programs make links of bare names too. Numbers, abbreviations
/// and ends of sentences stay.
fn broken(word: &str) -> String {
    let mut safe = String::with_capacity(word.len());
    for (index, c) in word.char_indices() {
        let rest = &word[index + c.len_utf8()..];
        let is_address = match c {
            '.' => index > 0 && begins_with_name(rest),
            ':' => rest.starts_with(['/', '\\']),
            '\\' => word[..index].ends_with('\\'),
            _ => false,
        };
        if is_address {
            safe.extend(['[', c, ']']);
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Returns whether a text begins with a name of two letters or more: no domain ending is shorter. Ignores invisible
/// characters, because programs may skip them.
fn begins_with_name(rest: &str) -> bool {
    let visible = rest.chars().filter(|c| c.general_category() != GeneralCategory::Format);
    let mut name = visible.take(2);
    name.next().is_some_and(char::is_alphabetic) && name.next().is_some_and(|c| c.is_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mail_program_finds_a_link() {
        for (written, safe) in [
            (
                "https://evil.example/login",
                "https[:]//evil[.]example/login [leads to evil[.]example]",
            ),
            (
                "see (https://evil.example/), then www.evil.example.",
                "see (https[:]//evil[.]example/), [leads to evil[.]example] then www[.]evil[.]example.",
            ),
            (
                "http://npoc.org@evil.example",
                "http[:]//npoc[.]org@evil[.]example [leads to evil[.]example]",
            ),
            (
                "https://аpple.example",
                "https[:]//аpple[.]example [leads to xn--pple-43d[.]example]",
            ),
            (
                "HTTPS://192.0.2.1:8080/x",
                "HTTPS[:]//192.0.2.1:8080/x [leads to 192.0.2.1]",
            ),
            (
                "ftp://files.example",
                "ftp[:]//files[.]example [leads to files[.]example]",
            ),
            ("http:/\\evil.example", "http[:]/\\evil[.]example"),
            ("\\\\192.0.2.1\\share", "\\[\\]192.0.2.1\\share"),
            ("//evil.example", "//evil[.]example"),
            ("ann@evil.example", "ann@evil[.]example"),
            ("mailto:ann@evil.example", "mailto:ann@evil[.]example"),
            ("مثال.إختبار", "مثال[.]إختبار"),
            ("evil.\u{200b}example", "evil[.]\u{200b}example"),
            ("xn--pple-43d.xn--p1ai", "xn--pple-43d[.]xn--p1ai"),
            ("a.co", "a[.]co"),
        ] {
            assert_eq!(unlinked(written, None), safe);
            assert!(!unlinked(written, None).contains("://"));
        }
    }

    #[test]
    fn other_words_stay_as_they_were_written() {
        for written in [
            "",
            "We run health posts.\nWe wish to be heard.",
            "OP.218/051/2014/0123",
            "3.5 million, e.g. in the U.S.A., J.R.R. Otieno",
            "Tel.: +254 20 123 4567",
            "12:30",
            "  two  spaces ",
            "…and so on...",
            "中文。日本語の文。続き。",
        ] {
            assert_eq!(unlinked(written, None), written);
        }
    }

    #[test]
    fn an_email_address_stays_whole_unless_it_reads_as_a_page() {
        for (address, safe) in [
            ("ann@example.org", "ann@example.org"),
            ("mary.o'brien+npoc@example.org", "mary.o'brien+npoc@example.org"),
            ("r&d.info@example.org", "r&d.info@example.org"),
            ("o’brien@example.org", "o’brien@example.org"),
            ("!#$%&'*+/=?^_`{|}~-@example.org", "!#$%&'*+/=?^_`{|}~-@example.org"),
            ("உதவி.மையம்@example.org", "உதவி.மையம்@example.org"),
            ("www.evil.example/x@gmail.com", "www[.]evil[.]example/x@gmail[.]com"),
            ("evil.example?@gmail.com", "evil[.]example?@gmail[.]com"),
            ("evil.example#x@gmail.com", "evil[.]example#x@gmail[.]com"),
            ("evil.example|x@gmail.com", "evil[.]example|x@gmail[.]com"),
            ("evil.example）x@gmail.com", "evil[.]example）x@gmail[.]com"),
            (
                "\"https://evil.example/\"@gmail.com",
                "\"https[:]//evil[.]example/\"@gmail[.]com [leads to evil[.]example]",
            ),
        ] {
            let parsed = EmailAddress::parse(address).unwrap();
            assert_eq!(mail_address(&parsed), safe);
        }
    }

    #[test]
    fn addresses_of_the_stated_domain_stay_whole() {
        let own = DomainName::parse("afyabora.or.ke").unwrap();
        for written in [
            "https://afyabora.or.ke/en",
            "see (www.afyabora.or.ke).",
            "HTTPS://AFYABORA.OR.KE",
            "info@mail.afyabora.or.ke",
            "“https://afyabora.or.ke:443/a_b/c.html?d=e&f=%20#g”,",
        ] {
            assert_eq!(unlinked(written, Some(&own)), written);
        }
        let tamil = DomainName::parse("தமிழ்.சிங்கப்பூர்").unwrap();
        let written = "(https://தமிழ்.சிங்கப்பூர்)";
        assert_eq!(unlinked(written, Some(&tamil)), written);
        for written in [
            "https://afyabora.or.ke@evil.example",
            "https://afyabora.or.ke.evil.example/",
            "https://myafyabora.or.ke/",
            "https://afyabora.or.ke,https://evil.example",
            "https://afyabora.or.ke/,evil.example",
            "https://evil.example/afyabora.or.ke",
            "https://evil.example#@afyabora.or.ke",
            "https://evil.example\\\\@afyabora.or.ke",
            "evil.example).afyabora.or.ke",
            "https://evil.example'.afyabora.or.ke/",
            "evil.example!.afyabora.or.ke",
            "evil.example&.afyabora.or.ke",
            "evil.example\u{200b}.afyabora.or.ke",
            "evil.example。afyabora.or.ke",
            "evil.example\u{3000}.afyabora.or.ke",
            "ann@evil.example@afyabora.or.ke",
            "www.evil.example/x@afyabora.or.ke",
            "evil.example:80@afyabora.or.ke",
            "evil.example|https://afyabora.or.ke",
            "evil.example/https://afyabora.or.ke",
            "https://afyabora.or.ke/ann@evil.example",
            "https://afyabora.or.ke/)www.evil.example",
            "afyabora.or.ke/）evil.example",
        ] {
            let safe = unlinked(written, Some(&own));
            assert!(!safe.contains("://") && !safe.contains("l.example"), "{safe}");
        }
    }
}
