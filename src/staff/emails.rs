//! The emails to one member of the staff: to sign in, and about changes of the account.

use askama::Template;
use sqlx::PgConnection;

use super::Role;
use super::tokens::{Code, Token};
use crate::locale::Language;
use crate::mailer::{Email, Purpose};
use crate::outbox;
use crate::values::EmailAddress;

/// What the emails to staff need.
#[derive(Clone, Debug)]
pub struct DeskEmails {
    /// The public address of the site.
    pub public_url: String,
    /// The part after the `@` of a Message-ID.
    pub message_id_domain: String,
}

/// A change of an account, of which its owner is told.
#[derive(Clone, Debug)]
pub enum AccountNews {
    /// The role is another one.
    Role(Role),
    /// An authenticator app was set up.
    SecondFactorSet,
    /// The authenticator app was removed.
    SecondFactorReset,
    /// The address is another one.
    Address(EmailAddress),
}

impl AccountNews {
    /// Returns the sentence of the email.
    fn sentence(&self) -> String {
        match self {
            Self::Role(role) => format!("Your role at the NPOC desk is now: {}.", role.name()),
            Self::SecondFactorSet => {
                "An authenticator app was set up for your account at the NPOC desk. You need its codes to sign in."
                    .to_owned()
            }
            Self::SecondFactorReset => "The authenticator app of your account at the NPOC desk was removed. \
                 If your role needs one, you set it up when you next sign in."
                .to_owned(),
            Self::Address(address) => format!("Your account at the NPOC desk now has the address {address}."),
        }
    }
}

#[derive(Template)]
#[template(path = "emails/sign_in.txt")]
struct SignInText<'a> {
    link: &'a str,
    code: &'a str,
}

#[derive(Template)]
#[template(path = "emails/sign_in.html")]
struct SignInHtml<'a> {
    link: &'a str,
    code: &'a str,
}

#[derive(Template)]
#[template(path = "emails/account.txt")]
struct AccountText<'a> {
    sentence: &'a str,
    desk: &'a str,
}

#[derive(Template)]
#[template(path = "emails/account.html")]
struct AccountHtml<'a> {
    sentence: &'a str,
    desk: &'a str,
}

impl DeskEmails {
    /// Builds the email to sign in.
    pub(super) fn sign_in(&self, address: &str, token: &Token, code: &Code) -> anyhow::Result<Email> {
        let link = &self.link(token);
        let code = &code.shown();
        let text = SignInText { link, code }.render()?;
        let html = SignInHtml { link, code }.render()?;
        self.email(Purpose::SignIn, address, "Sign in at the NPOC desk", text, html)
    }

    /// Queues the email about a change of an account.
    pub(super) async fn queue_news(
        &self,
        connection: &mut PgConnection,
        address: &str,
        news: &AccountNews,
    ) -> anyhow::Result<()> {
        let sentence = &textwrap::fill(&news.sentence(), 76);
        let desk = &self.desk();
        let text = AccountText { sentence, desk }.render()?;
        let sentence = &news.sentence();
        let html = AccountHtml { sentence, desk }.render()?;
        let subject = "Your account at the NPOC desk has changed";
        let email = self.email(Purpose::Account, address, subject, text, html)?;
        Ok(outbox::queue(connection, [email]).await?)
    }

    /// Builds an email to one member of the staff, in English.
    ///
    /// # Errors
    /// Returns an error if the stored address is damaged.
    pub fn email(
        &self,
        purpose: Purpose,
        address: &str,
        subject: &str,
        text: String,
        html: String,
    ) -> anyhow::Result<Email> {
        let recipient = EmailAddress::parse(address).map_err(|fault| anyhow::anyhow!("address of staff: {fault:?}"))?;
        Ok(Email {
            message_id: format!(
                "<{}.{}@{}>",
                purpose.name(),
                uuid::Uuid::new_v4().simple(),
                self.message_id_domain
            ),
            in_reply_to: None,
            reference: None,
            recipient,
            reply_to: None,
            subject: subject.to_owned(),
            text,
            html,
            purpose,
            language: Some(Language::En),
        })
    }

    /// Returns the address of a link to sign in.
    pub(super) fn link(&self, token: &Token) -> String {
        format!("{}/desk/sign-in/{}", self.public_url, token.as_str())
    }

    /// Returns the address of the desk.
    #[must_use]
    pub fn desk(&self) -> String {
        format!("{}/desk", self.public_url)
    }
}
