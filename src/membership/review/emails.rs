//! The emails about a change: to the applicant in the language of the application, and to the staff's thread in English.
//! The thread is read by all staff, so it holds only what the applicant sent or was told.

use askama::Template;
use time::Date;

use super::course::Course;
use super::loading::Found;
use super::states::ReviewState;
use super::{Change, Dismissal, EntryKind};
use crate::locale::{Language, Words, day};
use crate::mailer::{Email, Purpose};
use crate::membership::emails::{MailIdentity, shortened, wrapped};
use crate::membership::unlinked::unlinked;
use crate::membership::words::{self, label};
use crate::values::Country;

/// The words of an email about a change to the applicant, in one language.
#[derive(Clone, Debug)]
pub struct UpdateWords {
    /// The language.
    pub language: Language,
    /// The subject, without the reference.
    subject: fn(&Words, &str) -> String,
    /// What happened.
    pub lead: String,
    /// The question or the reason, in the words of staff.
    pub quoted: Option<String>,
    /// What the applicant can do now.
    pub next: Option<String>,
    /// The address that follows.
    pub link: Link,
}

/// The address that an email to the applicant ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// None.
    None,
    /// The page of the application.
    Page,
    /// The form to correct the answers.
    Change,
}

impl UpdateWords {
    pub(in crate::membership) fn new(language: Language, subject: fn(&Words, &str) -> String, lead: &str) -> Self {
        Self {
            language,
            subject,
            lead: lead.to_owned(),
            quoted: None,
            next: None,
            link: Link::Page,
        }
    }

    pub(in crate::membership) fn quoting(self, text: &str) -> Self {
        let quoted = Some(text.to_owned());
        Self { quoted, ..self }
    }

    pub(in crate::membership) fn with_next(self, next: impl Into<String>) -> Self {
        let next = Some(next.into());
        Self { next, ..self }
    }

    pub(in crate::membership) fn with_link(self, link: Link) -> Self {
        Self { link, ..self }
    }

    fn without_link(self) -> Self {
        self.with_link(Link::None)
    }

    /// Returns whether an address follows.
    #[must_use]
    pub fn has_link(&self) -> bool {
        self.link != Link::None
    }

    /// Returns the subject.
    #[must_use]
    pub fn subject(&self, reference: &str) -> String {
        (self.subject)(Words::of(self.language), reference)
    }
}

#[derive(Template)]
#[template(path = "emails/update.txt")]
struct UpdateText<'a> {
    words: &'static Words,
    email: &'a UpdateWords,
    reference: &'a str,
    page: &'a str,
}

#[derive(Template)]
#[template(path = "emails/update.html")]
struct UpdateHtml<'a> {
    words: &'static Words,
    email: &'a UpdateWords,
    reference: &'a str,
    page: &'a str,
}

#[derive(Template)]
#[template(path = "emails/thread.txt")]
struct ThreadText<'a> {
    email: &'a ThreadEmail<'a>,
}

#[derive(Template)]
#[template(path = "emails/thread.html")]
struct ThreadHtml<'a> {
    email: &'a ThreadEmail<'a>,
}

/// An email to the staff's thread.
struct ThreadEmail<'a> {
    reference: &'a str,
    organization: String,
    fact: &'static str,
    /// What the applicant wrote or was told, without links.
    quoted: Option<String>,
    /// The address of the application on the desk.
    desk: String,
}

/// Renders the emails about a change.
///
/// # Errors
/// Returns an error if a template cannot be rendered.
pub(super) fn change_emails(
    identity: &MailIdentity,
    found: &Found,
    moved: &Found,
    after: &Course,
    change: &Change,
) -> askama::Result<Vec<Email>> {
    let id = after.version.to_string();
    let words = update_words(&found.course, after, change, found.language);
    let page = &identity.page_url(moved.secret);
    let applicant = words.map(|words| to_applicant(identity, moved, &id, &words, page));
    let is_moved = moved.secret != found.secret;
    let former = is_moved.then(|| to_former(identity, found, &id));
    let told = shared(change);
    let thread = fact(&found.course, after, change).map(|fact| to_thread(identity, found, &id, told.as_deref(), fact));
    applicant.into_iter().chain(former).chain(thread).collect()
}

/// Renders the email to the former address of the representative.
fn to_former(identity: &MailIdentity, found: &Found, id: &str) -> askama::Result<Email> {
    let words = Words::of(found.language);
    let email = UpdateWords::new(
        found.language,
        Words::update_representative_subject,
        words.update_representative_former,
    )
    .without_link();
    to_applicant(identity, found, &format!("{id}.former"), &email, "")
}

/// Renders an email to the applicant. `id` tells its Message-ID from those of other emails about the application.
pub(in crate::membership) fn to_applicant(
    identity: &MailIdentity,
    found: &Found,
    id: &str,
    email: &UpdateWords,
    page: &str,
) -> askama::Result<Email> {
    let words = Words::of(email.language);
    let reference = found.reference.as_str();
    let text = UpdateText {
        words,
        email,
        reference,
        page,
    }
    .render()?;
    let html = UpdateHtml {
        words,
        email,
        reference,
        page,
    }
    .render()?;
    Ok(Email {
        message_id: identity.message_id(reference, &format!("{id}.applicant")),
        in_reply_to: Some(identity.message_id(reference, "applicant")),
        reference: Some(found.reference.clone()),
        recipient: found.representative.clone(),
        reply_to: Some(identity.staff.clone()),
        subject: email.subject(reference),
        text: wrapped(&text),
        html,
        purpose: Purpose::Update,
        language: Some(email.language),
    })
}

/// Returns the words of the email to the applicant in a language; `None` for a change that sends none.
#[must_use]
pub fn update_words(before: &Course, after: &Course, change: &Change, language: Language) -> Option<UpdateWords> {
    let words = Words::of(language);
    let is_appeal = before.state == ReviewState::Appealed;
    let day_of = |date: Option<Date>| date.map(|date| day(words, date)).unwrap_or_default();
    let email = |subject, lead: &str| UpdateWords::new(language, subject, lead);
    Some(match change {
        Change::BeginReview | Change::Dismiss(Dismissal::Spam) => return None,
        Change::Ask { question, .. } => email(Words::update_asked_subject, words.update_asked)
            .quoting(question)
            .with_next(words.update_asked_how(&day_of(after.answer_until))),
        Change::Answer(_) | Change::AnswerByEmail(_) => email(Words::update_answered_subject, words.update_answered),
        Change::Accept { .. } if is_appeal => email(Words::update_appeal_decided_subject, words.update_appeal_accepted)
            .with_next(words.update_accepted_next)
            .without_link(),
        Change::Accept { .. } => email(Words::update_accepted_subject, words.update_accepted)
            .with_next(words.update_accepted_next)
            .without_link(),
        Change::NotAccept(reason) if is_appeal => {
            email(Words::update_appeal_decided_subject, words.update_appeal_not_accepted)
                .quoting(reason)
                .with_next(words.update_appeal_final)
                .without_link()
        }
        Change::NotAccept(reason) => email(Words::update_not_accepted_subject, words.update_not_accepted)
            .quoting(reason)
            .with_next(words.update_not_accepted_how(&day_of(after.appeal_until))),
        Change::Appeal(_) => email(Words::update_appealed_subject, words.update_appealed),
        Change::Withdraw => {
            let lead = words.update_withdrawn(&day_of(after.undo_until()));
            email(Words::update_withdrawn_subject, &lead)
        }
        Change::Undo => email(Words::update_undone_subject, words.update_undone),
        Change::Lapse => email(Words::update_lapsed_subject, words.update_lapsed),
        Change::Dismiss(Dismissal::Duplicate) => {
            email(Words::update_duplicate_subject, words.update_duplicate).without_link()
        }
        Change::Reopen(reason) => email(Words::update_reopened_subject, words.update_reopened).quoting(reason),
        Change::Correct(correction) => {
            let labels = correction.changed().iter().map(|field| label(language, *field));
            let email = email(Words::update_corrected_subject, words.update_corrected)
                .quoting(&labels.collect::<Vec<_>>().join("\n"));
            match after.state {
                ReviewState::Asked => email.with_next(words.update_asked_how(&day_of(after.answer_until))),
                _ => email,
            }
        }
        Change::SetRepresentative(_) => email(Words::update_representative_subject, words.update_representative_new),
    })
}

/// Returns the words of a change that the thread may hold: what the applicant sent or was told.
fn shared(change: &Change) -> Option<String> {
    if let Change::SetRepresentative(address) = change {
        return Some(address.to_string());
    }
    let (kind, is_shared, text) = change.entry()?;
    let is_sent = matches!(kind, EntryKind::Answer | EntryKind::Appeal | EntryKind::Correction);
    (is_shared || is_sent).then(|| text.to_owned())
}

/// Renders an email to the staff's thread.
pub(in crate::membership) fn to_thread(
    identity: &MailIdentity,
    found: &Found,
    id: &str,
    quoted: Option<&str>,
    fact: &'static str,
) -> askama::Result<Email> {
    let reference = found.reference.as_str();
    let email = ThreadEmail {
        reference,
        organization: unlinked(&found.organization, None),
        fact,
        quoted: quoted.map(|text| unlinked(text, None)),
        desk: identity.desk_url(reference),
    };
    let country = Country::parse(&found.country).map(Country::name).unwrap_or_default();
    let name = unlinked(&shortened(&found.organization), None);
    Ok(Email {
        message_id: identity.message_id(reference, &format!("{id}.staff")),
        in_reply_to: Some(identity.message_id(reference, "staff")),
        reference: Some(found.reference.clone()),
        recipient: identity.staff.clone(),
        reply_to: Some(identity.staff.clone()),
        subject: format!("Re: [NPOC membership] {name} ({country}) {reference}"),
        text: ThreadText { email: &email }.render()?,
        html: ThreadHtml { email: &email }.render()?,
        purpose: Purpose::Thread,
        language: Some(Language::En),
    })
}

/// Returns the words of a reminder of a question.
pub(super) fn reminder_words(course: &Course, question: &str, language: Language) -> UpdateWords {
    let words = Words::of(language);
    let until = course.answer_until.map(|until| day(words, until)).unwrap_or_default();
    UpdateWords::new(language, Words::update_reminder_subject, words.update_reminder)
        .quoting(question)
        .with_next(words.update_asked_how(&until))
}

/// Returns what the thread says about a change; `None` if it says nothing.
fn fact(before: &Course, after: &Course, change: &Change) -> Option<&'static str> {
    let is_appeal = before.state == ReviewState::Appealed;
    Some(match change {
        Change::BeginReview | Change::Ask { .. } | Change::AnswerByEmail(_) | Change::Dismiss(_) | Change::Lapse => {
            return None;
        }
        Change::Answer(_) => words::THREAD_ANSWERED,
        Change::Accept { .. } if is_appeal => words::THREAD_APPEAL_ACCEPTED,
        Change::Accept { .. } => words::THREAD_ACCEPTED,
        Change::NotAccept(_) if is_appeal => words::THREAD_APPEAL_NOT_ACCEPTED,
        Change::NotAccept(_) => words::THREAD_NOT_ACCEPTED,
        Change::Appeal(_) if after.is_appeal_late() => words::THREAD_APPEALED_LATE,
        Change::Appeal(_) => words::THREAD_APPEALED,
        Change::Withdraw => words::THREAD_WITHDRAWN,
        Change::Undo => words::THREAD_UNDONE,
        Change::Reopen(_) => words::THREAD_REOPENED,
        Change::Correct(_) => words::THREAD_CORRECTED,
        Change::SetRepresentative(_) => words::THREAD_REPRESENTATIVE,
    })
}
