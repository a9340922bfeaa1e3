//! Reads an email that came to the bounce address: which email of ours it is about, and its verdict.

use super::address::BounceAddress;
use super::delivery_status;
use super::free_text;
use super::parts::{Part, fields, split};
use super::verdict::BounceVerdict;

/// The most tokens of a report. An honest report is about one email.
const MAX_TOKENS: usize = 16;

/// The contents of an email that came to the bounce address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BounceReport {
    /// The tokens of the emails that it names, at most 16. Those in the header come first: it was sent to them.
    pub tokens: Vec<String>,
    /// The verdict about the email.
    pub verdict: BounceVerdict,
}

/// Reads an email that came to the bounce address, in linear time.
#[must_use]
pub fn read(raw: &[u8], address: &BounceAddress) -> BounceReport {
    let parts = split(raw);
    BounceReport {
        tokens: tokens(raw, &parts, address),
        verdict: verdict(&parts),
    }
}

/// Finds the tokens in the whole email and in its encoded parts, because reports return the original in many ways.
fn tokens(raw: &[u8], parts: &[Part<'_>], address: &BounceAddress) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut search = |text: &str| {
        for token in address.tokens_in(text) {
            if tokens.len() < MAX_TOKENS && !tokens.contains(&token) {
                tokens.push(token);
            }
        }
    };
    search(&String::from_utf8_lossy(raw));
    for text in parts.iter().filter_map(Part::text_if_encoded) {
        search(&text);
    }
    tokens
}

/// Returns the verdict. Ignores reports inside the returned original.
fn verdict(parts: &[Part<'_>]) -> BounceVerdict {
    if let Some(verdict) = feedback(&reports(parts, &["message/feedback-report"])) {
        return verdict;
    }
    let receipts = [
        "message/disposition-notification",
        "message/global-disposition-notification",
    ];
    if !reports(parts, &receipts).is_empty() {
        return BounceVerdict::Other;
    }
    let statuses = reports(parts, &["message/delivery-status", "message/global-delivery-status"]);
    delivery_status::verdict(&statuses).unwrap_or_else(|| free_text::verdict(parts))
}

fn reports(parts: &[Part<'_>], media_types: &[&str]) -> Vec<String> {
    let is_report = |part: &&Part<'_>| !part.is_in_original && media_types.contains(&part.media_type.as_str());
    parts.iter().filter(is_report).map(Part::text).collect()
}

/// Reads feedback reports (RFC 5965). `not-spam` and later types are not complaints.
fn feedback(reports: &[String]) -> Option<BounceVerdict> {
    let is_complaint = reports.iter().flat_map(|report| fields(report)).any(|(name, value)| {
        name == "feedback-type" && ["abuse", "fraud"].iter().any(|kind| kind.eq_ignore_ascii_case(&value))
    });
    if is_complaint {
        return Some(BounceVerdict::Complaint);
    }
    (!reports.is_empty()).then_some(BounceVerdict::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(raw: &str) -> BounceReport {
        read(raw.as_bytes(), &BounceAddress::parse("bounce+*@npoc.org").unwrap())
    }

    #[test]
    fn an_empty_email_has_no_verdict() {
        for raw in ["", "\n", ":", "From x\n\n\n"] {
            assert_eq!(of(raw).tokens, [""; 0]);
            assert_eq!(of(raw).verdict, BounceVerdict::Other);
        }
    }

    #[test]
    fn tokens_of_the_header_come_first() {
        let text = "Received: for <bounce+aaaaaaaaaaaaaaaa@npoc.org>\nContent-Transfer-Encoding: base64\n\n\
                    Ym91bmNlK2JiYmJiYmJiYmJiYmJiYmJAbnBvYy5vcmc=\n";
        assert_eq!(of(text).tokens, ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"]);
    }

    #[test]
    fn more_than_16_tokens_are_cut() {
        let tokens: Vec<String> = (0..1000).map(|n| format!("bounce+{n:016}@npoc.org")).collect();
        let flood = tokens.join("\n");
        assert_eq!(of(&flood).tokens.len(), MAX_TOKENS);
    }

    #[test]
    fn a_read_receipt_is_not_a_bounce() {
        let start = "Return-Path: <>\nSubject: failure notice\nContent-Type: multipart/report; boundary=b\n\n";
        let receipt =
            format!("{start}--b\nContent-Type: message/disposition-notification\n\nDisposition: x; deleted\n");
        assert_eq!(of(&receipt).verdict, BounceVerdict::Other);
        assert!(
            matches!(of(start).verdict, BounceVerdict::Failed(_)),
            "without the receipt it would be one"
        );
    }

    #[test]
    fn a_report_in_the_returned_original_is_ignored() {
        let carried = "Content-Type: message/rfc822\n\nContent-Type: message/delivery-status\n\nAction: failed\n";
        assert_eq!(of(carried).verdict, BounceVerdict::Other);
    }
}
