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
    let footer = if changed == 0 {
        ""
    } else {
        " The footer says that it is not reviewed."
    };
    let says =
        format!("{name}: {by} reviewed it on {on}; {changed} of {messages} sentences are new or changed.{footer}");
    CheckResult::ok(TRANSLATION, says)
}

#[cfg(test)]
mod tests {
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
        for (review, words) in [
            (unreviewed, "0 of 500 sentences are reviewed"),
            (reviewed, "Ann Lee reviewed it on 2026-12-01; 0 of 500 sentences"),
            (changed, "3 of 500 sentences are new or changed. The footer"),
        ] {
            let says = judge(Language::Fr, review).says;
            assert!(says.contains(words), "{says}");
        }
    }
}
