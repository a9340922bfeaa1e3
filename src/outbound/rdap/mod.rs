//! Parses the answers of registries and registrars about a domain name by RDAP (RFC 9083).

mod answer;
mod bootstrap;
mod query;
mod registration;

use serde_json::Value;

use bootstrap::query_url;
pub use bootstrap::{Bootstrap, NotBootstrap};
pub use query::RegistryAnswer;
pub use registration::Registration;

/// The greatest size of an answer.
pub const MAX_ANSWER_OCTETS: usize = 256 * 1024;

/// The reason why an answer does not describe the domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRdap {
    /// The answer is larger than [`MAX_ANSWER_OCTETS`].
    #[error("the RDAP answer is larger than 256 KiB")]
    TooLarge,
    /// The answer is not JSON: a page of HTML, or cut off.
    #[error("the RDAP answer is not JSON")]
    NotJson,
    /// The server knows no such domain name: error 404 in the body.
    #[error("the RDAP server does not know the domain name")]
    NotFound,
    /// The body is another error.
    #[error("the RDAP server answered with an error")]
    Failure,
    /// The answer describes another kind of object, such as an entity.
    #[error("the RDAP answer does not describe a domain name")]
    OtherObject,
    /// The answer describes another domain name.
    #[error("the RDAP answer describes another domain name")]
    OtherDomain,
}

/// Parses the answer about a domain name in ASCII. Facts of unexpected types count as missing.
///
/// # Errors
/// Returns a [`NotRdap`] if the body is not an RDAP answer about this domain name.
pub fn parse(body: &[u8], ascii_domain: &str) -> Result<Registration, NotRdap> {
    if body.len() > MAX_ANSWER_OCTETS {
        return Err(NotRdap::TooLarge);
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let body: Value = serde_json::from_slice(body).map_err(|_| NotRdap::NotJson)?;
    reject_others(&body, ascii_domain)?;
    let (organization, is_withheld) = organization(&body);
    Ok(Registration {
        registrar: answer::entity(&body, "registrar").and_then(registrar_name),
        registered_on: answer::event_date(&body, "registration"),
        expires_on: answer::event_date(&body, "expiration"),
        states: answer::states(&body),
        name_servers: answer::name_servers(&body),
        is_signed: answer::is_signed(&body),
        organization,
        is_withheld,
        related: answer::related(&body),
    })
}

/// Rejects an error, another object and another domain name. Without `objectClassName`, a name must be there.
fn reject_others(body: &Value, ascii_domain: &str) -> Result<(), NotRdap> {
    if let Some(code) = body.get("errorCode").filter(|code| !code.is_null()) {
        let is_not_found = code.as_u64() == Some(404) || code.as_str() == Some("404");
        return Err(if is_not_found {
            NotRdap::NotFound
        } else {
            NotRdap::Failure
        });
    }
    let name = answer::text(body, "ldhName");
    let is_domain =
        answer::text(body, "objectClassName").map_or(name.is_some(), |class| class.eq_ignore_ascii_case("domain"));
    if !is_domain {
        return Err(NotRdap::OtherObject);
    }
    if name.is_some_and(|name| !is_same_name(name, ascii_domain)) {
        return Err(NotRdap::OtherDomain);
    }
    Ok(())
}

/// Compares names without case and without a dot at the end. Some servers put the Unicode form into `ldhName`.
fn is_same_name(given: &str, ascii_domain: &str) -> bool {
    let given = given.trim().trim_end_matches('.');
    let wanted = ascii_domain.trim_end_matches('.');
    let is_unicode_form = || {
        let is_short = given.len() <= 4 * 253;
        is_short && idna::domain_to_ascii(given).is_ok_and(|ascii| ascii.eq_ignore_ascii_case(wanted))
    };
    given.eq_ignore_ascii_case(wanted) || is_unicode_form()
}

/// Returns the registrar's name. Some registries, such as that of `.cz`, give only its handle.
fn registrar_name(registrar: &Value) -> Option<String> {
    let name = answer::card_text(registrar, "fn").or_else(|| answer::card_text(registrar, "org"));
    name.or_else(|| answer::text(registrar, "handle").and_then(answer::line))
}

/// Returns the registrant's organization, and whether it is withheld. The name of a person is never taken.
fn organization(body: &Value) -> (Option<String>, bool) {
    let shown = answer::entity(body, "registrant").and_then(|registrant| {
        let is_organization =
            || answer::card_text(registrant, "kind").is_some_and(|kind| kind.eq_ignore_ascii_case("org"));
        let name = || answer::card_text(registrant, "fn").filter(|_| is_organization());
        answer::card_text(registrant, "org").or_else(name)
    });
    let is_placeholder = shown.as_deref().is_some_and(answer::is_placeholder);
    let is_withheld = is_placeholder || answer::lists_organization_as_redacted(body);
    (shown.filter(|_| !is_withheld), is_withheld)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::date;

    use super::*;

    fn read(body: &Value) -> Registration {
        parse(body.to_string().as_bytes(), "example.org").unwrap()
    }

    fn domain(field: &str, value: Value) -> Registration {
        let mut body = json!({"objectClassName": "domain", "ldhName": "EXAMPLE.ORG."});
        body[field] = value;
        read(&body)
    }

    /// A registrant with the properties of a jCard.
    fn registrant(properties: &Value) -> Value {
        json!([{"objectClassName": "entity", "roles": ["registrant"], "vcardArray": ["vcard", properties]}])
    }

    fn complete_answer() -> Value {
        json!({
            "rdapConformance": ["rdap_level_0", "redacted"], "objectClassName": "domain", "ldhName": "EXAMPLE.ORG",
            "status": ["client transfer prohibited", "client hold", "client hold"],
            "events": [
                {"eventAction": "last changed", "eventDate": "2026-01-01T00:00:00Z"},
                {"eventAction": "registration", "eventDate": "1995-08-14T04:00:00Z"},
                {"eventAction": "registrar expiration", "eventDate": "2029-01-01T00:00:00Z"},
                {"eventAction": "Expiration", "eventDate": "2027-08-13T04:00:00Z"}],
            "nameservers": [{"ldhName": "A.NS.EXAMPLE."}, {"ldhName": "b.ns.example"}, {"ldhName": "a.ns.example"}],
            "secureDNS": {"delegationSigned": true, "dsData": []},
            "links": [
                {"rel": "self", "type": "application/rdap+json", "href": "https://rdap.example/domain/example.org"},
                {"rel": "related", "type": "text/html", "href": "https://www.registrar.example/"},
                {"rel": "related", "type": "application/rdap+json", "href": "https://rdap.registrar.example/domain/example.org#x"}],
            "entities": [
                {"roles": ["registrar"], "vcardArray": ["vcard", [["version", {}, "text", "4.0"], ["org", {}, "text", "Group"],
                    ["fn", {}, "text", "Example Registrar\nInc."]]],
                    "entities": [{"roles": ["abuse"], "vcardArray": ["vcard", [["fn", {}, "text", "Abuse Desk"]]]}]},
                {"roles": ["registrant"], "vcardArray": ["vcard", [["fn", {}, "text", "Jane Doe"],
                    ["org", {"type": "work"}, "text", ["Example Society", "Board"]]]]}],
        })
    }

    #[test]
    fn the_facts_of_a_complete_answer_are_read() {
        let expected = Registration {
            registrar: Some("Example Registrar Inc.".to_owned()),
            registered_on: Some(date!(1995 - 08 - 14)),
            expires_on: Some(date!(2027 - 08 - 13)),
            states: vec!["client transfer prohibited".to_owned(), "client hold".to_owned()],
            name_servers: vec!["a.ns.example".to_owned(), "b.ns.example".to_owned()],
            is_signed: Some(true),
            organization: Some("Example Society".to_owned()),
            is_withheld: false,
            related: Some("https://rdap.registrar.example/domain/example.org".to_owned()),
        };
        assert_eq!(read(&complete_answer()), expected);
    }

    #[test]
    fn a_fact_of_another_type_counts_as_missing() {
        for field in [
            "status",
            "events",
            "nameservers",
            "secureDNS",
            "links",
            "entities",
            "redacted",
        ] {
            for value in [
                json!(null),
                json!(7),
                json!({}),
                json!([]),
                json!([[], [7], {}, null]),
                json!({"a": [{}]}),
            ] {
                assert_eq!(
                    domain(field, value.clone()),
                    Registration::default(),
                    "{field}: {value}"
                );
            }
        }
        assert_eq!(domain("status", json!("active")).states, ["active"]);
        assert_eq!(domain("status", json!([7, "active"])).states, ["active"]);
        assert_eq!(
            domain("nameservers", json!(["NS.EXAMPLE."])).name_servers,
            ["ns.example"]
        );
        assert_eq!(
            domain("secureDNS", json!({"delegationSigned": "maybe"})).is_signed,
            None
        );
        let events = json!([{"eventAction": "registration", "eventDate": "soon"}, {"eventAction": ["registration"],
            "eventDate": ["2001-02-03"]}, {"eventAction": "expiration", "eventDate": 20_270_813}]);
        assert_eq!(
            domain("events", events.clone()).registered_on,
            Some(date!(2001 - 02 - 03))
        );
        assert_eq!(domain("events", events).expires_on, None);
        for card in [
            json!("vcard"),
            json!({}),
            json!([["org"]]),
            json!([["org", {}, "text"]]),
            json!([["org", {}, "text", 7], 7]),
        ] {
            assert_eq!(domain("entities", registrant(&card)), Registration::default(), "{card}");
        }
    }

    #[test]
    fn a_registrar_without_a_card_has_its_handle_as_name() {
        for (card, name) in [
            (json!(null), "REG-EXAMPLE"),
            (json!([["fn", {}, "text", ""]]), "REG-EXAMPLE"),
            (json!([["org", {}, "text", "Example Inc."]]), "Example Inc."),
        ] {
            let entities = json!([{"handle": "REG-EXAMPLE", "roles": ["registrar"], "vcardArray": ["vcard", card]}]);
            assert_eq!(domain("entities", entities).registrar.as_deref(), Some(name), "{card}");
        }
    }

    #[test]
    fn an_organization_is_shown_or_said_to_be_withheld() {
        for (properties, organization, is_withheld) in [
            (
                json!([["org", {}, "text", "Privacy Rights Society"]]),
                Some("Privacy Rights Society"),
                false,
            ),
            (
                json!([["fn", {}, "text", "Example Society"], ["kind", {}, "text", "org"]]),
                Some("Example Society"),
                false,
            ),
            (
                json!([["fn", {}, "text", "Jane Doe"], ["kind", {}, "text", "individual"]]),
                None,
                false,
            ),
            (json!([["fn", {}, "text", "Jane Doe"]]), None, false),
            (
                json!([["fn", {}, "text", ""], ["org", {}, "text", ["", ""]]]),
                None,
                false,
            ),
            (json!([["org", {}, "text", "REDACTED FOR PRIVACY"]]), None, true),
            (json!([["ORG", {}, "text", ["Data Redacted"]]]), None, true),
            (json!([["org", {}, "text", "GDPR Masked"]]), None, true),
            (
                json!([[
                    "org",
                    {},
                    "text",
                    "Privacy service provided by Withheld for Privacy ehf"
                ]]),
                None,
                true,
            ),
        ] {
            let read = domain("entities", registrant(&properties));
            assert_eq!(
                (read.organization.as_deref(), read.is_withheld),
                (organization, is_withheld),
                "{properties}"
            );
        }
    }

    #[test]
    fn a_listed_redaction_hides_even_a_shown_organization() {
        let listed = json!([{"name": {"type": "Registrant Organization"}, "method": "removal"}]);
        assert!(domain("redacted", listed.clone()).is_withheld);
        let mut replaced = json!({"objectClassName": "domain", "redacted": listed, "ldhName": "example.org"});
        replaced["entities"] = registrant(&json!([["org", {}, "text", "Proxy Ltd."]]));
        assert_eq!(
            (read(&replaced).organization, read(&replaced).is_withheld),
            (None, true)
        );
    }

    #[test]
    fn another_answer_is_not_a_registration() {
        let nested = "[".repeat(100_000);
        for (body, error) in [
            ("", NotRdap::NotJson),
            ("<!DOCTYPE html><html><title>Not found</title></html>", NotRdap::NotJson),
            (r#"{"objectClassName":"domain","ldhName":"exam"#, NotRdap::NotJson),
            (nested.as_str(), NotRdap::NotJson),
            (r#"{"errorCode":404,"title":"Not Found"}"#, NotRdap::NotFound),
            (r#"{"errorCode":"404","objectClassName":"domain"}"#, NotRdap::NotFound),
            (r#"{"errorCode":429,"description":["Slow down"]}"#, NotRdap::Failure),
            (r#"{"errorCode":{}}"#, NotRdap::Failure),
            ("null", NotRdap::OtherObject),
            ("[]", NotRdap::OtherObject),
            ("{}", NotRdap::OtherObject),
            (r#"{"objectClassName":7}"#, NotRdap::OtherObject),
            (
                r#"{"objectClassName":"entity","ldhName":"example.org"}"#,
                NotRdap::OtherObject,
            ),
            (
                r#"{"objectClassName":"domain","ldhName":"example.com"}"#,
                NotRdap::OtherDomain,
            ),
            (
                r#"{"objectClassName":"domain","ldhName":"www.example.org"}"#,
                NotRdap::OtherDomain,
            ),
            (r#"{"objectClassName":"domain","ldhName":""}"#, NotRdap::OtherDomain),
        ] {
            assert_eq!(parse(body.as_bytes(), "example.org"), Err(error), "{body:.60}");
        }
        assert_eq!(parse(&vec![b'x'; 5_000_000], "example.org"), Err(NotRdap::TooLarge));
        assert_eq!(
            parse(&vec![b'x'; MAX_ANSWER_OCTETS], "example.org"),
            Err(NotRdap::NotJson)
        );
        assert_eq!(parse(b"\xff\xfe{}", "example.org"), Err(NotRdap::NotJson));
    }

    #[test]
    fn a_name_is_the_same_in_upper_case_with_a_dot_or_as_idn() {
        for (given, wanted) in [
            ("Example.ORG.", "example.org"),
            ("XN--R8JZ45G.xn--zckzah", "xn--r8jz45g.xn--zckzah"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("Bücher.example.", "xn--bcher-kva.example"),
        ] {
            let body = json!({"objectClassName": "Domain", "ldhName": given}).to_string();
            assert_eq!(parse(body.as_bytes(), wanted), Ok(Registration::default()), "{given}");
        }
        let without_name = b"\xef\xbb\xbf{\"objectClassName\":\"domain\",\"handle\":\"X\"}";
        assert_eq!(parse(without_name, "example.org"), Ok(Registration::default()));
        assert_eq!(
            parse(br#"{"ldhName":"example.org"}"#, "example.org"),
            Ok(Registration::default())
        );
    }

    #[test]
    fn a_hostile_answer_stays_small_and_on_one_line() {
        let long = "\u{1b}]0;<script>\r\n\u{202e}".repeat(100);
        let many: Vec<String> = (0..1_000)
            .map(|number| format!("{number}{long}").chars().take(150).collect())
            .collect();
        let servers: Vec<Value> = many.iter().map(|name| json!({"ldhName": name})).collect();
        let mut body = json!({"objectClassName": "domain", "status": many});
        body["entities"] = registrant(&json!([["org", {}, "text", long]]));
        let with_states = read(&body);
        let with_servers = domain("nameservers", json!(servers));
        assert_eq!((with_states.states.len(), with_servers.name_servers.len()), (20, 20));
        let texts = with_states
            .states
            .iter()
            .chain(&with_servers.name_servers)
            .chain(&with_states.organization);
        for text in texts {
            assert!(
                text.chars().count() <= 200 && !text.chars().any(|c| c.is_control() || c == '\u{202e}'),
                "{text}"
            );
        }
    }
}
