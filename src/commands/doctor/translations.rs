//! Says how much of each translation NPOC has reviewed.

use super::CheckResult;
use crate::locale::{Language, Review, review};

const TRANSLATION: &str = "Translation";

/// Checks the translations into the languages of the site.
pub(super) fn check(languages: &[Language]) -> impl Iterator<Item = CheckResult> {
    let reviewed = |language: &Language| Some(judge(*language, review(*language)?));
    languages.iter().filter_map(reviewed)
}

fn judge(language: Language, review: Review) -> CheckResult {
    let Review {
        by,
        on,
        messages,
        changed,
    } = review;
    let name = language.english_name();
    if by.is_empty() {
        let says = format!("{name}: 0 of {messages} sentences are reviewed. The footer says so.");
        return CheckResult::ok(TRANSLATION, says);
    }
    let says = format!("{name}: {by} reviewed {messages} sentences on {on}; {changed} changed since.");
    if changed == 0 {
        return CheckResult::ok(TRANSLATION, says);
    }
    let advice = "The footer says that it is not reviewed. Ask for a review of these sentences.";
    CheckResult::warn(TRANSLATION, says, advice)
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn changes_after_a_review_are_counted() {
        let unreviewed = Review {
            by: "",
            on: "",
            messages: 500,
            changed: 500,
        };
        let reviewed = Review {
            by: "Ann Lee",
            on: "2026-12-01",
            changed: 0,
            ..unreviewed
        };
        let changed = Review { changed: 3, ..reviewed };
        for (review, verdict, words) in [
            (unreviewed, Verdict::Ok, "0 of 500 sentences"),
            (
                reviewed,
                Verdict::Ok,
                "Ann Lee reviewed 500 sentences on 2026-12-01; 0 changed",
            ),
            (changed, Verdict::Warn, "3 changed since"),
        ] {
            let result = judge(Language::Fr, review);
            assert_eq!(result.verdict, verdict);
            assert!(result.says.contains(words), "{}", result.says);
        }
    }
}
