//! Why a form of the desk is not taken.

use axum::http::StatusCode;

use crate::membership::review::Refusal;
use crate::membership::words::refusal_words;

/// Why a form is not taken.
pub struct Problem {
    /// The status of the answer.
    pub status: StatusCode,
    /// The wrong field; "" if the form as a whole is not possible.
    pub field: &'static str,
    /// A sentence for the member.
    pub sentence: String,
}

impl Problem {
    /// Builds the problem of a field in which a choice is missing or wrong.
    pub fn choice(field: &'static str, sentence: &str) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            field,
            sentence: sentence.to_owned(),
        }
    }

    /// Builds the problem of a change that the rules refuse because of this field.
    pub fn of(refusal: &Refusal, field: &'static str) -> Self {
        let status = match refusal {
            Refusal::NotPermitted | Refusal::AnotherDeciderNeeded | Refusal::ConflictOfInterest => {
                StatusCode::FORBIDDEN
            }
            Refusal::NotNow | Refusal::Outdated | Refusal::NewObjection => StatusCode::CONFLICT,
            Refusal::ReasonNeeded(_)
            | Refusal::Text(_)
            | Refusal::NoColleague
            | Refusal::SameAddress
            | Refusal::DayOutOfRange { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self {
            status,
            field,
            sentence: refusal_words(refusal),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let field = match refusal {
            Refusal::ReasonNeeded(_) => "reason",
            Refusal::NoColleague => "to",
            Refusal::SameAddress => "address",
            Refusal::DayOutOfRange { .. } => "until",
            Refusal::Text(_) => "text",
            _ => "",
        };
        Self::of(&refusal, field)
    }
}
