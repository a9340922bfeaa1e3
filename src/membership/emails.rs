//! The two emails that an application causes. They are rendered when they are queued, so an email that cannot be rendered
//! fails the request instead of disappearing.

use askama::Template;
use unicode_segmentation::UnicodeSegmentation;
use uuid::Uuid;

use super::doubts::Doubt;
use super::form::{Application, Field, Group, Rule};
use super::new_application::NewApplication;
use super::unlinked::{mail_address, unlinked};
use super::words::{self, AnswerInWords, Finding};
use crate::locale::{Language, Words};
use crate::mailer::{Email, Purpose};
use crate::staff::DeskEmails;
use crate::values::EmailAddress;

/// Length of a name that keeps a subject readable in a list of emails. The body has the whole name.
const NAME_IN_SUBJECT: usize = 60;

/// What emails need to know about the site.
#[derive(Clone, Debug)]
pub struct MailIdentity {
    /// The public address of the site, without a slash at the end.
    pub public_url: String,
    /// The address that receives the emails about applications.
    pub staff: EmailAddress,
    /// The part after the `@` of every Message-ID.
    pub message_id_domain: String,
    /// Whether emails to applicants, and single emails to staff, are limited in number.
    pub has_ceilings: bool,
}

#[derive(Template)]
#[template(path = "emails/application.txt")]
struct ApplicationText<'a> {
    email: &'a ApplicationEmail<'a>,
}

#[derive(Template)]
#[template(path = "emails/application.html")]
struct ApplicationHtml<'a> {
    email: &'a ApplicationEmail<'a>,
}

#[derive(Template)]
#[template(path = "emails/confirmation.txt")]
struct ConfirmationText<'a> {
    application: &'a NewApplication<'a>,
    words: &'static Words,
}

#[derive(Template)]
#[template(path = "emails/confirmation.html")]
struct ConfirmationHtml<'a> {
    application: &'a NewApplication<'a>,
    words: &'static Words,
}

/// The email to staff.
struct ApplicationEmail<'a> {
    reference: &'a str,
    application: &'a Application,
    desk_url: Option<&'a str>,
    findings: Vec<Finding>,
}

/// Renders both emails, the one to staff first.
///
/// # Errors
/// Returns an error if a template cannot be rendered.
pub fn emails(identity: &MailIdentity, application: &Application, new: &NewApplication) -> askama::Result<[Email; 2]> {
    Ok([
        to_staff(identity, application, new)?,
        to_applicant(identity, application, new)?,
    ])
}

fn to_staff(identity: &MailIdentity, application: &Application, new: &NewApplication) -> askama::Result<Email> {
    let mut findings = words::findings(application, &Doubt::all(application));
    findings.extend(words::of_arrival(new));
    let email = ApplicationEmail {
        reference: new.reference,
        application,
        desk_url: new.desk_url.as_deref(),
        findings,
    };
    Ok(Email {
        message_id: identity.message_id(new.reference, "staff"),
        in_reply_to: None,
        reference: Some(new.reference.to_owned()),
        recipient: identity.staff.clone(),
        reply_to: Some(application.representative_email().clone()),
        subject: email.subject(),
        text: ApplicationText { email: &email }.render()?,
        html: ApplicationHtml { email: &email }.render()?,
        purpose: Purpose::Application,
        language: Some(Language::En),
    })
}

/// Contains nothing that was typed, so the form cannot be used to send words to strangers.
fn to_applicant(identity: &MailIdentity, application: &Application, new: &NewApplication) -> askama::Result<Email> {
    let (language, words) = (new.language, Words::of(new.language));
    let text = ConfirmationText {
        application: new,
        words,
    };
    let html = ConfirmationHtml {
        application: new,
        words,
    };
    Ok(Email {
        message_id: identity.message_id(new.reference, "applicant"),
        in_reply_to: None,
        reference: Some(new.reference.to_owned()),
        recipient: application.representative_email().clone(),
        reply_to: Some(identity.staff.clone()),
        subject: words.email_subject(new.reference),
        text: wrapped(&text.render()?),
        html: html.render()?,
        purpose: Purpose::Confirmation,
        language: Some(language),
    })
}

impl MailIdentity {
    /// Returns what the emails to members of the staff need.
    #[must_use]
    pub fn desk_emails(&self) -> DeskEmails {
        DeskEmails {
            public_url: self.public_url.clone(),
            message_id_domain: self.message_id_domain.clone(),
        }
    }

    /// Returns the Message-ID of the email about this application to staff or to its applicant.
    pub(super) fn message_id(&self, reference: &str, to: &str) -> String {
        format!("<{reference}.{to}@{}>", self.message_id_domain)
    }

    /// Returns the address of the page with this secret.
    pub(super) fn page_url(&self, secret: Uuid) -> String {
        format!("{}/membership/received/{secret}", self.public_url)
    }

    /// Returns the address of an application on the desk.
    pub(super) fn desk_url(&self, reference: &str) -> String {
        format!("{}/desk/applications/{reference}", self.public_url)
    }

    /// Returns whether email to this address reaches staff. Upper and lower case count as the same.
    pub(super) fn is_staff(&self, address: &EmailAddress) -> bool {
        let spelled = |address: &EmailAddress| address.to_wire().to_string().to_lowercase();
        spelled(address) == spelled(&self.staff)
    }
}

impl ApplicationEmail<'_> {
    fn subject(&self) -> String {
        let name = self.answer(Field::OrganizationName);
        let country = self.application.country().name();
        let name = unlinked(&shortened(name), Some(self.application.domain_name()));
        format!("[NPOC membership] {name} ({country}) {}", self.reference)
    }

    fn answer(&self, field: Field) -> &str {
        self.application.answers().one(field).unwrap_or_default()
    }

    fn verdict(&self) -> String {
        words::verdict(self.application, &self.findings)
    }

    /// Says where a reply goes. No header names an address outside ASCII, because servers without SMTPUTF8 return such an
    /// email.
    fn reply_line(&self) -> &'static str {
        if self.application.representative_email().needs_smtputf8() {
            words::NOT_BY_REPLY
        } else {
            words::BY_REPLY
        }
    }

    /// Returns name and address, each on its own line: their writing directions do not mix.
    fn representative(&self) -> [String; 2] {
        let name = self.answer(Field::RepresentativeName);
        [
            unlinked(name, Some(self.application.domain_name())),
            mail_address(self.application.representative_email()),
        ]
    }

    /// Returns the name of the organization, and its name in Latin letters if there is one.
    fn organization(&self) -> String {
        let name = self.answer(Field::OrganizationName);
        let name = match self.answer(Field::OrganizationNameLatin) {
            "" => name.to_owned(),
            latin => format!("{name} ({latin})"),
        };
        unlinked(&name, Some(self.application.domain_name()))
    }

    fn ncsg(&self) -> String {
        words::answer(Language::En, Field::NcsgStatus, self.answer(Field::NcsgStatus))
    }

    /// Returns the answers without links. The domain name and the email addresses stay as they are, so that staff can use
    /// them.
    fn answers(&self, group: Group) -> impl Iterator<Item = AnswerInWords> {
        let safe = |answer: AnswerInWords| match answer.field.question().rule {
            Rule::DomainName => answer,
            Rule::Email => answer.with_usable_address(self.application),
            _ => answer.unlinked(self.application.domain_name()),
        };
        words::answers_in_words(Language::En, self.application.answers(), group).map(safe)
    }

    /// Returns the one link of the email: the home page of the stated domain name.
    fn home(&self) -> String {
        format!("https://{}/", self.application.domain_name().ascii())
    }
}

/// Wraps the lines of a text for programs that do not. A line with an address stays whole.
pub(super) fn wrapped(text: &str) -> String {
    let line = |line: &str| match line {
        line if line.contains("://") => line.to_owned(),
        line => textwrap::fill(line, wrap_options(line)),
    };
    text.lines().map(|one| line(one) + "\n").collect()
}

fn wrap_options(line: &str) -> textwrap::Options<'static> {
    const WIDTH: usize = 76;
    let indent = match line {
        line if line.starts_with("- ") => "  ",
        line if line.starts_with("    ") => "    ",
        _ => "",
    };
    textwrap::Options::new(WIDTH)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .subsequent_indent(indent)
}

/// Shortens a name so that it stays readable in a list.
pub(super) fn shortened(name: &str) -> String {
    // An encoded word (RFC 2047) would be read as what it encodes.
    let name = &name.replace("=?", "= ?");
    match name.grapheme_indices(true).nth(NAME_IN_SUBJECT) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}
