//! The registration of a domain name, as its registry and its registrar describe it.

use serde::{Deserialize, Serialize};
use time::Date;

/// The beginnings of states in which a domain name is not in the DNS or about to be deleted: of RFC 8056 and of EPP, in
/// lower case without spaces.
const HOLDS: [&str; 4] = ["clienthold", "serverhold", "pendingdelete", "redemptionperiod"];

time::serde::format_description!(iso_date, Date, "[year]-[month]-[day]");

/// The facts of a registration that staff read. Each may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Registration {
    /// The registrar's name, or its handle if the registry gives no name.
    pub registrar: Option<String>,
    /// The UTC date of the first registration.
    #[serde(with = "iso_date::option")]
    pub registered_on: Option<Date>,
    /// The UTC date on which the registration ends.
    #[serde(with = "iso_date::option")]
    pub expires_on: Option<Date>,
    /// The states as the server spells them, such as `client hold`.
    pub states: Vec<String>,
    /// The names of the name servers in lower case.
    pub name_servers: Vec<String>,
    /// Whether the parent zone has a DS record.
    pub is_signed: Option<bool>,
    /// The registrant's organization.
    pub organization: Option<String>,
    /// Whether the answer says that it does not show the registrant's organization. Then `organization` is `None`.
    pub is_withheld: bool,
    /// The registrar's own RDAP address for this domain name. It uses https; its host is not checked any further.
    #[serde(skip)]
    pub related: Option<String>,
}

impl Registration {
    /// Returns whether the registration ends within this number of days, or has ended.
    #[must_use]
    pub fn expires_within(&self, today: Date, days: i64) -> bool {
        self.expires_on.is_some_and(|end| (end - today).whole_days() <= days)
    }

    /// Returns the states that take the domain name out of the DNS, or announce its deletion.
    #[must_use]
    pub fn holds(&self) -> Vec<&str> {
        let is_hold = |state: &&String| {
            let bare = state.to_lowercase().replace([' ', '_', '-'], "");
            HOLDS.iter().any(|hold| bare.starts_with(hold))
        };
        self.states.iter().filter(is_hold).map(String::as_str).collect()
    }

    /// Fills what the registry's answer lacks from the registrar's. There is no further link to follow.
    #[must_use]
    pub fn merged(self, registrar: Self) -> Self {
        let either = |first: Vec<String>, second| if first.is_empty() { second } else { first };
        let organization = self.organization.or(registrar.organization);
        Self {
            registrar: self.registrar.or(registrar.registrar),
            registered_on: self.registered_on.or(registrar.registered_on),
            expires_on: self.expires_on.or(registrar.expires_on),
            states: either(self.states, registrar.states),
            name_servers: either(self.name_servers, registrar.name_servers),
            is_signed: self.is_signed.or(registrar.is_signed),
            is_withheld: organization.is_none() && (self.is_withheld || registrar.is_withheld),
            organization,
            related: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::date;

    use super::*;

    #[test]
    fn a_registration_is_stored_without_its_link() {
        let registration = Registration {
            registrar: Some("Example".to_owned()),
            registered_on: Some(date!(1995 - 08 - 14)),
            states: vec!["active".to_owned()],
            is_signed: Some(true),
            related: Some("https://rdap.registrar.example/".to_owned()),
            ..Registration::default()
        };
        let stored = serde_json::to_value(&registration).unwrap();
        let expected = json!({"registrar": "Example", "registered_on": "1995-08-14", "expires_on": null, "states": ["active"],
            "name_servers": [], "is_signed": true, "organization": null, "is_withheld": false});
        assert_eq!(stored, expected);
        let loaded: Registration = serde_json::from_value(stored).unwrap();
        assert_eq!(
            loaded,
            Registration {
                related: None,
                ..registration
            }
        );
        let older: Registration = serde_json::from_str(r#"{"dropped_field":1}"#).unwrap();
        assert_eq!(older, Registration::default());
    }

    #[test]
    fn a_hold_is_recognized_in_every_spelling() {
        for (state, is_hold) in [
            ("client hold", true),
            ("clientHold", true),
            ("SERVER HOLD", true),
            ("serverHold https://icann.org/epp#serverHold", true),
            ("pending delete", true),
            ("pendingDelete", true),
            ("redemption period", true),
            ("redemptionPeriod", true),
            ("active", false),
            ("client transfer prohibited", false),
            ("client delete prohibited", false),
            ("auto renew period", false),
        ] {
            let registration = Registration {
                states: vec!["locked".to_owned(), state.to_owned()],
                ..Registration::default()
            };
            assert_eq!(!registration.holds().is_empty(), is_hold, "{state}");
        }
    }

    #[test]
    fn an_expiry_is_within_its_days_or_past() {
        let today = date!(2026 - 11 - 27);
        for (end, days, is_within) in [
            (Some(date!(2027 - 01 - 26)), 60, true),
            (Some(date!(2027 - 01 - 27)), 60, false),
            (Some(date!(2026 - 11 - 27)), 0, true),
            (Some(date!(2020 - 01 - 01)), 60, true),
            (Some(date!(2199 - 12 - 31)), i64::MAX, true),
            (None, 60, false),
        ] {
            let registration = Registration {
                expires_on: end,
                ..Registration::default()
            };
            assert_eq!(registration.expires_within(today, days), is_within, "{end:?}");
        }
    }

    #[test]
    fn the_registrars_answer_fills_only_what_is_missing() {
        let registry = Registration {
            registrar: Some("Registry's".to_owned()),
            states: vec!["active".to_owned()],
            is_withheld: true,
            related: Some("https://rdap.registrar.example/".to_owned()),
            ..Registration::default()
        };
        let registrar = Registration {
            registrar: Some("Its own".to_owned()),
            expires_on: Some(date!(2027 - 01 - 01)),
            states: vec!["client hold".to_owned()],
            name_servers: vec!["ns.example".to_owned()],
            is_signed: Some(false),
            organization: Some("Example Society".to_owned()),
            ..Registration::default()
        };
        let expected = Registration {
            registrar: Some("Registry's".to_owned()),
            states: vec!["active".to_owned()],
            ..registrar.clone()
        };
        assert_eq!(registry.clone().merged(registrar), expected);
        let alone = registry.clone().merged(Registration::default());
        assert_eq!(
            alone,
            Registration {
                related: None,
                ..registry
            }
        );
    }
}
