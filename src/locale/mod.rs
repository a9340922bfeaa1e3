//! The languages of the site, and its sentences for visitors and applicants. `build/` makes [`Words`] of `locales/`.

mod countries;
mod dates;
mod language;
mod plural;
mod sentence;
mod words;

pub use countries::{country_name, country_offers};
pub use dates::{date_and_time, day};
pub use language::{Direction, Language};
pub use sentence::{Element, Sentence};
pub use words::{Review, Words, is_unreviewed, review};
