//! Reads single facts from an RDAP answer (RFC 9083), whatever shape a server gives them. A fact of another type counts as
//! missing. All texts are short and on one line.

use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, UtcOffset};

use super::bootstrap::https_url;

/// The greatest number of characters of a text.
pub(super) const MAX_CHARACTERS: usize = 200;

/// The greatest number of states and of name servers.
pub(super) const MAX_ITEMS: usize = 20;

/// The greatest number of entities that are looked at.
const MAX_ENTITIES: usize = 100;

/// The texts of registries and registrars in place of an organization, in lower case.
const PLACEHOLDERS: &[&str] = &[
    "redacted",
    "not disclosed",
    "data protected",
    "gdpr masked",
    "statutory masking",
    "non-public data",
    "hidden upon user request",
    "withheld for privacy",
];

/// Returns a text as one line of at most [`MAX_CHARACTERS`] characters, without controls and direction marks.
pub(super) fn line(text: &str) -> Option<String> {
    let is_direction =
        |c: &char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let spaced = text.chars().filter(|c| !is_direction(c));
    let spaced: String = spaced.map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let short: String = words.join(" ").chars().take(MAX_CHARACTERS).collect();
    let short = short.trim_end();
    (!short.is_empty()).then(|| short.to_owned())
}

/// Returns the text of a field, or the first text of its array.
pub(super) fn text<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    items(object.get(field)?).iter().find_map(Value::as_str)
}

/// Returns the elements of an array, or the value itself as its only element.
fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

fn list<'a>(object: &'a Value, field: &str) -> &'a [Value] {
    object.get(field).map(items).unwrap_or_default()
}

/// Returns the states, such as `client hold`.
pub(super) fn states(answer: &Value) -> Vec<String> {
    distinct(list(answer, "status").iter().filter_map(Value::as_str).filter_map(line))
}

/// Returns the names of the name servers in lower case, without the dot at the end.
pub(super) fn name_servers(answer: &Value) -> Vec<String> {
    let names = list(answer, "nameservers").iter();
    let names = names.filter_map(|server| server.as_str().or_else(|| text(server, "ldhName")));
    distinct(
        names
            .filter_map(|name| line(name.trim_end_matches('.')))
            .map(|name| name.to_lowercase()),
    )
}

fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for text in texts {
        if kept.len() < MAX_ITEMS && !kept.contains(&text) {
            kept.push(text);
        }
    }
    kept
}

/// Returns the UTC date of the first event with this action and a readable date.
pub(super) fn event_date(answer: &Value, action: &str) -> Option<Date> {
    let is_wanted = |event: &&Value| text(event, "eventAction").is_some_and(|given| given.eq_ignore_ascii_case(action));
    let wanted = list(answer, "events").iter().filter(is_wanted);
    wanted
        .filter_map(|event| text(event, "eventDate"))
        .find_map(plausible_date)
}

/// Parses a time of RFC 3339, or only its date. Servers send `0001-01-01` or `9999-12-31` if they have no date.
fn plausible_date(text: &str) -> Option<Date> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok();
    let utc = at
        .and_then(|at| at.checked_to_offset(UtcOffset::UTC))
        .map(OffsetDateTime::date);
    let date = utc.or_else(|| Date::parse(text.get(..10)?, format_description!("[year]-[month]-[day]")).ok())?;
    (1985..2200).contains(&date.year()).then_some(date)
}

/// Returns whether the parent zone has a DS record.
pub(super) fn is_signed(answer: &Value) -> Option<bool> {
    answer.get("secureDNS")?.get("delegationSigned")?.as_bool()
}

/// Returns the registrar's own RDAP address.
pub(super) fn related(answer: &Value) -> Option<String> {
    let links = list(answer, "links").iter();
    let is_related = |link: &&Value| {
        text(link, "rel").is_some_and(|rel| rel.eq_ignore_ascii_case("related"))
            && text(link, "type").is_some_and(|media| media.to_ascii_lowercase().starts_with("application/rdap+json"))
    };
    let addresses = links.filter(is_related).filter_map(|link| text(link, "href"));
    let mut url = addresses
        .filter(|href| href.len() <= MAX_CHARACTERS)
        .find_map(https_url)?;
    url.set_fragment(None);
    Some(url.into()).filter(|url: &String| url.len() <= MAX_CHARACTERS)
}

/// Returns the first entity with a role. Outer entities come before nested ones.
pub(super) fn entity<'a>(answer: &'a Value, role: &str) -> Option<&'a Value> {
    let mut entities: Vec<&Value> = list(answer, "entities").iter().take(MAX_ENTITIES).collect();
    let mut next = 0;
    while let Some(entity) = entities.get(next).copied() {
        let mut roles = list(entity, "roles").iter().filter_map(Value::as_str);
        if roles.any(|given| given.eq_ignore_ascii_case(role)) {
            return Some(entity);
        }
        let room = MAX_ENTITIES - entities.len();
        entities.extend(list(entity, "entities").iter().take(room));
        next += 1;
    }
    None
}

/// Returns the first text of a property of the entity's jCard (RFC 7095).
pub(super) fn card_text(entity: &Value, property: &str) -> Option<String> {
    let properties = entity.get("vcardArray")?.get(1)?.as_array()?;
    let is_wanted = |given: &&Value| {
        let name = given.get(0).and_then(Value::as_str);
        name.is_some_and(|name| name.eq_ignore_ascii_case(property))
    };
    let values = properties.iter().filter(is_wanted).filter_map(|given| given.get(3));
    values.flat_map(items).filter_map(Value::as_str).find_map(line)
}

/// Returns whether a text only says that the organization is not shown.
pub(super) fn is_placeholder(text: &str) -> bool {
    let text = text.to_lowercase();
    PLACEHOLDERS.iter().any(|placeholder| text.contains(placeholder))
}

/// Returns whether the answer lists the registrant's organization, or the whole registrant, as redacted (RFC 9537).
pub(super) fn lists_organization_as_redacted(answer: &Value) -> bool {
    list(answer, "redacted").iter().any(|field| {
        let name = field.get("name").unwrap_or(&Value::Null);
        let names = [text(name, "type"), text(name, "description"), name.as_str()];
        let paths = [text(field, "prePath"), text(field, "postPath")];
        names.into_iter().flatten().any(names_organization) || paths.into_iter().flatten().any(leads_to_organization)
    })
}

fn names_organization(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    matches!(
        name.as_str(),
        "registrant organization" | "registrant organisation" | "registrant" | "registrant contact"
    )
}

/// Returns whether a path such as `$.entities[?(@.roles[0]=='registrant')]` leads to the registrant, to its property `org`,
/// or to that of all entities.
fn leads_to_organization(path: &str) -> bool {
    let path = path.replace('"', "'");
    let Some((_, rest)) = path.split_once("'registrant'") else {
        return path.contains("entities[*]") && path.contains("'org'");
    };
    rest.contains("'org'") || matches!(rest, ")]" | "]" | ")].vcardArray" | "].vcardArray")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::date;

    use super::*;

    #[test]
    fn a_text_becomes_one_short_line() {
        for (given, kept) in [
            (" Example\r\n  Society ", Some("Example Society")),
            ("a\u{0}b\u{1b}[2J\u{2028}c\u{202e}d", Some("a b [2J cd")),
            ("\u{202e}\n\t\u{9b}", None),
            ("", None),
        ] {
            assert_eq!(line(given).as_deref(), kept, "{given:?}");
        }
        assert_eq!(line(&"ä".repeat(300)), Some("ä".repeat(200)));
        assert_eq!(line(&"ä ".repeat(300)), Some("ä ".repeat(100).trim_end().to_owned()));
    }

    #[test]
    fn a_date_is_read_in_utc_and_a_wrong_one_ignored() {
        for (given, date) in [
            ("1997-06-03T00:00:00Z", Some(date!(1997 - 06 - 03))),
            ("2026-12-31T23:30:00.123456-02:00", Some(date!(2027 - 01 - 01))),
            ("2020-02-29", Some(date!(2020 - 02 - 29))),
            ("2020-02-29 10:00:00", Some(date!(2020 - 02 - 29))),
            ("2020-02-29T10:00:00+0000", Some(date!(2020 - 02 - 29))),
            ("2021-02-29", None),
            ("0001-01-01T00:00:00Z", None),
            ("9999-12-31T23:59:59-23:59", None),
            ("3.6.1997", None),
            ("1997-06-0ä", None),
            ("", None),
        ] {
            assert_eq!(plausible_date(given), date, "{given}");
        }
    }

    #[test]
    fn an_entity_is_found_at_any_depth_but_outer_ones_first() {
        let nested = json!({"entities": [
            {"roles": ["technical"], "entities": [{"roles": ["registrant"], "handle": "inner"}]},
            {"roles": "Registrant", "handle": "outer"},
            {"roles": ["registrar"], "entities": [{"entities": [{"roles": ["abuse", "reseller"]}]}]},
            7,
        ]});
        let handle = entity(&nested, "registrant").and_then(|found| text(found, "handle"));
        assert_eq!(handle, Some("outer"));
        assert!(entity(&nested, "reseller").is_some());
        assert!(entity(&nested, "billing").is_none());
        let crowd = json!({"entities": (0..5_000).map(|_| json!({"entities": [{}, {}]})).collect::<Vec<_>>()});
        assert!(entity(&crowd, "registrant").is_none());
    }

    #[test]
    fn only_a_redacted_organization_of_the_registrant_counts() {
        let org = "$.entities[?(@.roles[0]=='registrant')].vcardArray[1][?(@[0]=='org')]";
        let brackets = r#"$["entities"][?(@["roles"][0]=="registrant")]["vcardArray"][1][?(@[0]=="org")]"#;
        for (field, is_counted) in [
            (json!({"name": {"type": "Registrant Organization"}}), true),
            (json!({"name": {"description": "registrant organisation "}}), true),
            (json!({"name": {"type": ["Registrant Organization"]}}), true),
            (json!({"name": "Registrant Organization"}), true),
            (json!({"prePath": org, "method": "removal"}), true),
            (json!({"postPath": brackets, "method": "emptyValue"}), true),
            (json!({"prePath": "$.entities[?(@.roles[0]=='registrant')]"}), true),
            (
                json!({"name": {"type": "Registrant Name"}, "postPath": org.replace("'org'", "'fn'")}),
                false,
            ),
            (
                json!({"name": {"type": "Tech Organization"}, "prePath": org.replace("registrant", "technical")}),
                false,
            ),
            (json!({"prePath": "$..entities[*].vcardArray[1][?(@[0]=='org')]"}), true),
            (json!({"prePath": "$.entities[*].vcardArray[1][?(@[0]=='fn')]"}), false),
            (json!({"name": 5, "prePath": {}, "postPath": null}), false),
            (json!("Registrant Organization"), false),
        ] {
            let answer = json!({"redacted": [1, field]});
            assert_eq!(lists_organization_as_redacted(&answer), is_counted, "{answer}");
        }
    }

    #[test]
    fn only_an_https_link_to_a_host_name_is_related() {
        for (href, is_kept) in [
            ("https://rdap.registrar.example/rdap/domain/EXAMPLE.ORG", true),
            ("http://rdap.registrar.example/", false),
            ("https://127.0.0.1/", false),
            ("https://[::1]/", false),
            ("https://rdap.registrar.example:8443/", false),
            ("https://a@rdap.registrar.example/", false),
            ("/domain/example.org", false),
            (&format!("https://rdap.registrar.example/{}", "a".repeat(200)), false),
            (&format!("https://rdap.registrar.example/{}", "ä".repeat(60)), false),
        ] {
            let answer =
                json!({"links": [{"rel": "related", "type": "application/rdap+json;charset=utf-8", "href": href}]});
            assert_eq!(related(&answer).is_some(), is_kept, "{href}");
        }
    }
}
