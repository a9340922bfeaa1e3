//! The two mails that an application causes. Rendered when owed, so an email that cannot be
//! rendered is a failed request and never a mail that silently does not come.

use askama::Template;
use time::OffsetDateTime;
use time::macros::format_description;
use unicode_segmentation::UnicodeSegmentation;

use super::answers::ForPeople;
use super::ceiling::Hold;
use super::check::Application;
use super::doubts::Doubt;
use super::findings::{Finding, findings, verdict};
use super::question::{Field, Rule};
use super::suspicion::Suspicions;
use super::unlinked::{mail_address, unlinked};

use crate::mailer::{Email, Purpose};
use crate::values::EmailAddress;

/// A subject stays readable in a list of mails; the whole name is in the body.
const NAME_IN_SUBJECT: usize = 60;

/// The line before the representative whom a reply reaches.
pub(super) const BY_REPLY: &str = "A reply to this mail goes to the representative:";

/// What emails need to know of the site.
#[derive(Clone, Debug)]
pub struct MailIdentity {
    /// How the world reaches the site, without a slash at the end.
    pub public_url: String,
    /// Who gets the mail about applications.
    pub staff: EmailAddress,
    /// The part after the `@` of every Message-ID.
    pub message_id_domain: String,
    /// Whether mails to applicants, and single mails to staff, have ceilings.
    pub has_ceilings: bool,
}

/// An application of the same domain that came earlier.
#[derive(Clone, Debug)]
pub struct Earlier {
    /// Its reference.
    pub reference: String,
    /// When it came.
    pub received_at: OffsetDateTime,
}

/// What the mails say, beside the answers themselves.
#[derive(Debug)]
pub struct NewApplication<'a> {
    /// The reference to quote.
    pub reference: &'a str,
    /// The address of the receipt.
    pub receipt_url: String,
    /// When it arrived.
    pub received_at: OffsetDateTime,
    /// The same domain's earlier applications, newest first.
    pub earlier: &'a [Earlier],
    /// What looks like spam.
    pub suspicions: &'a Suspicions,
    /// Why the applicant's mail is held, if it is.
    pub hold: Option<Hold>,
}

#[derive(Template)]
#[template(path = "emails/staff.txt")]
struct StaffText<'a>(&'a StaffEmail<'a>);

#[derive(Template)]
#[template(path = "emails/staff.html")]
struct StaffHtml<'a>(&'a StaffEmail<'a>);

#[derive(Template)]
#[template(path = "emails/applicant.txt")]
struct ApplicantText<'a>(&'a NewApplication<'a>);

#[derive(Template)]
#[template(path = "emails/applicant.html")]
struct ApplicantHtml<'a>(&'a NewApplication<'a>);

struct StaffEmail<'a> {
    application: &'a Application,
    news: &'a NewApplication<'a>,
    /// What the site worked out; never mixed with what was answered.
    findings: Vec<Finding>,
}

/// Both emails, the staff's first.
///
/// # Errors
/// A template that cannot be rendered.
pub fn emails(head: &MailIdentity, application: &Application, news: &NewApplication) -> askama::Result<[Email; 2]> {
    Ok([
        to_staff(head, application, news)?,
        to_applicant(head, application, news)?,
    ])
}

fn to_staff(head: &MailIdentity, application: &Application, news: &NewApplication) -> askama::Result<Email> {
    let email = StaffEmail {
        application,
        news,
        findings: all_findings(application, news),
    };
    Ok(Email {
        message_id: head.message_id(news.reference, "staff"),
        in_reply_to: None,
        reference: Some(news.reference.to_string()),
        recipient: head.staff.clone(),
        reply_to: Some(application.representative_email().clone()),
        subject: email.subject(),
        text: StaffText(&email).render()?,
        html: StaffHtml(&email).render()?,
        purpose: Purpose::Application,
    })
}

/// Fixed words: nothing that was typed appears, so the form cannot be used to send words to
/// strangers.
fn to_applicant(head: &MailIdentity, application: &Application, news: &NewApplication) -> askama::Result<Email> {
    Ok(Email {
        message_id: head.message_id(news.reference, "applicant"),
        in_reply_to: None,
        reference: Some(news.reference.to_string()),
        recipient: application.representative_email().clone(),
        reply_to: Some(head.staff.clone()),
        subject: format!("Your application to NPOC has arrived: {}", news.reference),
        text: ApplicantText(news).render()?,
        html: ApplicantHtml(news).render()?,
        purpose: Purpose::Arrival,
    })
}

impl MailIdentity {
    /// The Message-ID of the mail about this application to staff or to its applicant.
    pub(super) fn message_id(&self, reference: &str, to: &str) -> String {
        format!("<{reference}.{to}@{}>", self.message_id_domain)
    }

    /// Whether mail to this address reaches staff, in any case of letters.
    pub(super) fn is_staff(&self, address: &EmailAddress) -> bool {
        let spelled = |address: &EmailAddress| address.to_wire().to_string().to_lowercase();
        spelled(address) == spelled(&self.staff)
    }
}

impl StaffEmail<'_> {
    fn subject(&self) -> String {
        let name = self
            .application
            .answers()
            .one(Field::OrganizationName)
            .unwrap_or_default();
        let country = self.application.country().name();
        let name = unlinked(&shortened(name), Some(self.application.domain_name()));
        format!("[NPOC membership] {name} ({country}) {}", self.news.reference)
    }

    /// The first line.
    fn verdict(&self) -> String {
        verdict(self.application, &self.findings)
    }

    /// Says where a reply goes. No header names an address outside ASCII, because servers without SMTPUTF8 return such a
    /// mail.
    fn reply_line(&self) -> &'static str {
        if self.application.representative_email().needs_smtputf8() {
            "To answer, write a new mail to the representative. A reply to this mail does not reach them:"
        } else {
            BY_REPLY
        }
    }

    /// Name and address, each on a line of its own: their directions do not mix.
    fn representative(&self) -> [String; 2] {
        let name = self.application.answers().one(Field::RepresentativeName);
        [
            unlinked(name.unwrap_or_default(), Some(self.application.domain_name())),
            mail_address(self.application.representative_email()),
        ]
    }

    /// The stated domain name and the mail addresses stay as they are, so that staff can use them.
    fn answers(&self) -> impl Iterator<Item = ForPeople> {
        let safe = |answer: ForPeople| match answer.field.question().rule {
            Rule::DomainName => answer,
            Rule::Email => answer.with_usable_addresses(),
            _ => answer.unlinked(self.application.domain_name()),
        };
        self.application.answers().for_people().map(safe)
    }

    /// Where the stated domain name leads, for the one link of the mail.
    fn home(&self) -> String {
        format!("https://{}/", self.application.domain_name().ascii())
    }
}

/// What the answers say, and what the site knows besides.
fn all_findings(application: &Application, news: &NewApplication) -> Vec<Finding> {
    let mut all = findings(application, &Doubt::all(application));
    all.extend([
        earlier(news),
        suspicions(news),
        mail_to_applicant(news),
        Finding::of("Received", in_utc(news.received_at)),
    ]);
    all
}

fn earlier(news: &NewApplication) -> Finding {
    let one = |one: &Earlier| format!("{} on {}", one.reference, in_utc(one.received_at));
    let each = news.earlier.iter().map(one);
    Finding::any(
        "The same domain applied before",
        "no",
        each,
        "the same domain applied before",
    )
}

/// Told whatever they are, and a caution where they are enough.
fn suspicions(news: &NewApplication) -> Finding {
    let suspicions = news.suspicions;
    let finding = Finding::of(
        "Signs of spam",
        if suspicions.names().is_empty() {
            "none".to_owned()
        } else {
            suspicions.names().join("; ")
        },
    );
    if suspicions.are_enough() {
        finding.with_caution("signs of spam")
    } else {
        finding
    }
}

fn mail_to_applicant(news: &NewApplication) -> Finding {
    let label = "The mail that confirms the arrival to the applicant";
    if let Some(hold) = news.hold {
        let value = format!(
            "HELD: {}. To send it: npoc mail retry {}",
            hold.reason(),
            news.reference
        );
        Finding::of(label, value).with_caution("the applicant got no confirmation")
    } else {
        Finding::of(label, "goes out at once")
    }
}

/// An instant as people in every time zone can read it.
#[must_use]
pub fn in_utc(at: OffsetDateTime) -> String {
    let format = format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");
    at.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
}

/// A name that stays readable in a list.
pub(super) fn shortened(name: &str) -> String {
    // What looks like an encoded word (RFC 2047) would be read as what it encodes.
    let name = &name.replace("=?", "= ?");
    match name.grapheme_indices(true).nth(NAME_IN_SUBJECT) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}
