//! Reads delivery status notifications (RFC 3464, RFC 6533).

use super::parts::{Field, fields};
use super::status_codes::{details, enhanced_code};
use super::verdict::{BounceDetails, BounceVerdict};

/// Returns the verdict of the delivery statuses in a report, or `None` if they contain none. One failed recipient is
/// enough: each email has one recipient, and others come from forwarding.
pub fn verdict(statuses: &[String]) -> Option<BounceVerdict> {
    let recipients: Vec<Recipient> = statuses.iter().flat_map(|status| recipients(status)).collect();
    let first = |outcome| recipients.iter().find(|recipient| recipient.outcome() == Some(outcome));
    if let Some(failed) = first(Outcome::Failed) {
        return Some(BounceVerdict::Failed(failed.details()));
    }
    if let Some(delayed) = first(Outcome::Delayed) {
        return Some(BounceVerdict::Delayed(delayed.details()));
    }
    first(Outcome::Delivered).map(|_| BounceVerdict::Other)
}

/// One recipient's group of fields in a delivery status.
#[derive(Default)]
struct Recipient {
    address: Option<String>,
    action: Option<String>,
    status: Option<String>,
    diagnostic: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Failed,
    Delayed,
    Delivered,
}

impl Recipient {
    /// Adds a field. Returns it if it belongs to the next recipient, because the blank line is missing.
    fn add(&mut self, (name, value): Field) -> Option<Field> {
        let slot = match name.as_str() {
            "final-recipient" => &mut self.address,
            "action" => &mut self.action,
            "status" => &mut self.status,
            "diagnostic-code" => &mut self.diagnostic,
            _ => return None,
        };
        if slot.is_some() && matches!(name.as_str(), "final-recipient" | "action") {
            return Some((name, value));
        }
        slot.get_or_insert(value);
        None
    }

    /// Returns the outcome. The status decides if the report was cut before the action.
    fn outcome(&self) -> Option<Outcome> {
        let Some(action) = &self.action else {
            return self.outcome_by_status();
        };
        let word = action
            .split(|c: char| !c.is_ascii_alphabetic())
            .next()
            .unwrap_or_default();
        match word.to_ascii_lowercase().as_str() {
            "failed" => Some(Outcome::Failed),
            "delayed" => Some(Outcome::Delayed),
            "delivered" | "relayed" | "expanded" => Some(Outcome::Delivered),
            _ => self.outcome_by_status(),
        }
    }

    fn outcome_by_status(&self) -> Option<Outcome> {
        let code = enhanced_code(self.status.as_deref()?)?;
        Some(if code.starts_with('5') {
            Outcome::Failed
        } else {
            Outcome::Delayed
        })
    }

    fn details(&self) -> BounceDetails {
        details(self.status.as_deref(), self.diagnostic.as_deref())
    }
}

/// Splits a delivery status into groups of fields. The first group is mostly about the message, not a recipient.
fn recipients(status: &str) -> Vec<Recipient> {
    let mut recipients = Vec::new();
    for group in status.replace("\r\n", "\n").split("\n\n") {
        let mut recipient = Recipient::default();
        for field in fields(group) {
            if let Some(field) = recipient.add(field) {
                recipients.push(std::mem::take(&mut recipient));
                recipient.add(field);
            }
        }
        recipients.push(recipient);
    }
    recipients
}

#[cfg(test)]
mod tests {
    use super::super::verdict::BounceClass;
    use super::*;

    fn of(status: &str) -> Option<BounceVerdict> {
        verdict(&[status.to_owned()])
    }

    fn failed(class: BounceClass, status: &str, diagnostic: Option<&str>) -> BounceVerdict {
        BounceVerdict::Failed(BounceDetails {
            class,
            status: Some(status.to_owned()),
            diagnostic: diagnostic.map(str::to_owned),
        })
    }

    #[test]
    fn comments_case_folding_and_unknown_types_are_ignored() {
        let status =
            "STATUS : 5.2.2 (mailbox full)\r\nACTION: Failed (final)\r\nDiagnostic-code: X-Foo; it\r\n\t\u{1b}is\r\n";
        assert_eq!(
            of(status),
            Some(failed(BounceClass::MailboxFull, "5.2.2", Some("it \u{fffd}is")))
        );
    }

    #[test]
    fn groups_are_split_without_a_blank_line() {
        let first = "Reporting-MTA: dns; a\nFinal-Recipient: rfc822; a@a\nAction: relayed\nStatus: 2.1.5\n";
        let status = format!("{first}Final-Recipient: rfc822; b@b\nAction: failed\nStatus: 5.1.1\n");
        assert_eq!(of(&status), Some(failed(BounceClass::NoSuchMailbox, "5.1.1", None)));
        assert_eq!(of(first), Some(BounceVerdict::Other));
    }

    #[test]
    fn a_group_is_read_by_itself() {
        let status = "Final-Recipient: rfc822; a@a\r\nStatus: 2.0.0\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n";
        assert_eq!(of(status), Some(failed(BounceClass::NoSuchMailbox, "5.1.1", None)));
    }

    #[test]
    fn the_status_decides_if_the_action_is_missing() {
        assert_eq!(
            of("Status: 5.7.1\n"),
            Some(failed(BounceClass::RefusedAsSpam, "5.7.1", None))
        );
        assert!(matches!(
            of("Action: dela\nStatus: 4.4.1"),
            Some(BounceVerdict::Delayed(_))
        ));
        assert_eq!(of("Reporting-MTA: dns; mx.example.org\n"), None);
    }
}
