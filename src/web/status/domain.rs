//! The page on which an applicant proves the domain name: what to publish, what the site found, and when it looks again.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use time::OffsetDateTime;
use uuid::Uuid;

use super::found::{Found, found};
use super::message::{Message, message_page};
use super::moved::moved;
use super::secret::{NotRead, parse, read_form, redirect_to_domain, with_secret_headers};
use crate::locale::{Element, Language, Words, date_and_time, day};
use crate::membership::domain_proof::{
    self, CHALLENGE_LABEL, CheckAsked, CodeAsked, CodeTyped, DomainChecks, DomainStanding, ShownCheck, Way,
    file_address, record_name, record_text,
};
use crate::membership::review::NotChanged;
use crate::values::DomainName;
use crate::web::error::WebError;
use crate::web::layout::{Layout, Page, private_page};
use crate::web::site::Site;
use crate::web::time_limit::with_time_limit;

/// The most octets of a form with a code.
const LONGEST_CODE: usize = 4096;

#[derive(Template)]
#[template(path = "membership/domain.html")]
struct DomainPage<'a> {
    layout: Layout<'a>,
    words: &'static Words,
    standing: &'a DomainStanding,
    domain: &'a DomainName,
    secret: Uuid,
    note: Option<Note>,
}

/// Why a request was not done, beside its button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Note {
    TooSoon,
    TooMany,
    MailLimited,
    MailUnreachable,
    CodeWrong,
    CodeOver,
}

impl Note {
    fn status(self) -> StatusCode {
        match self {
            Self::TooSoon | Self::TooMany | Self::MailLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::MailUnreachable => StatusCode::CONFLICT,
            Self::CodeWrong | Self::CodeOver => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    fn sentence(self, words: &Words) -> &'static str {
        match self {
            Self::TooSoon => words.domain_too_soon,
            Self::TooMany => words.domain_too_many,
            Self::MailLimited => words.domain_mail_limited,
            Self::MailUnreachable => words.domain_mail_unreachable,
            Self::CodeWrong => words.domain_mail_wrong,
            Self::CodeOver => words.domain_mail_over,
        }
    }

    fn place(self) -> Place {
        match self {
            Self::TooSoon | Self::TooMany => Place::Look,
            // Without a code that counts, there is no field for one.
            Self::MailLimited | Self::MailUnreachable | Self::CodeOver => Place::Send,
            Self::CodeWrong => Place::Code,
        }
    }
}

/// The form that a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Look,
    Send,
    Code,
}

impl DomainPage<'_> {
    /// Returns the name as people read it, with its form for the DNS if that is another one.
    fn name(&self) -> String {
        match (self.domain.unicode(), self.domain.ascii()) {
            (unicode, ascii) if unicode == ascii => unicode.to_owned(),
            (unicode, ascii) => format!("{unicode} ({ascii})"),
        }
    }

    fn record_name(&self) -> String {
        record_name(self.domain)
    }

    /// Returns the beginning of the name of the record, as forms take it that add the registered name by themselves.
    fn label(&self) -> String {
        let below = self.domain.ascii().strip_suffix(self.domain.registered_ascii());
        match below.map(|below| below.trim_end_matches('.')) {
            Some(below) if !below.is_empty() => format!("{CHALLENGE_LABEL}.{below}"),
            _ => CHALLENGE_LABEL.to_owned(),
        }
    }

    fn file_address(&self) -> String {
        file_address(self.domain.ascii())
    }

    fn token(&self, way: Way) -> &str {
        self.standing.token(way).map_or("", |proof| &proof.token)
    }

    fn record_text(&self) -> String {
        record_text(self.token(Way::Dns))
    }

    fn proved(&self) -> Option<String> {
        let proof = self.standing.proved()?;
        let day = day(self.words, proof.proved_at?.date());
        Some(match proof.way {
            Way::Web => self.words.domain_proved_web(&day),
            Way::Dns | Way::Mail => self.words.domain_proved_dns(&day),
        })
    }

    fn mailbox_shown(&self) -> Option<String> {
        let at = self.standing.mailbox_shown_at()?;
        Some(self.words.domain_mail_shown(&day(self.words, at.date())))
    }

    fn check(&self, way: Way) -> Option<&ShownCheck> {
        self.standing.checks.iter().find(|check| check.way == way)
    }

    /// Returns when the site looked last, and what it found.
    fn last(&self, way: Way) -> Option<(String, Found<'_>)> {
        let (at, outcome) = self.check(way)?.last.as_ref()?;
        let time = self.words.domain_last(&date_and_time(self.words, *at));
        Some((time, found(self.words, outcome)?))
    }

    /// Returns when the site looks next.
    fn next(&self) -> Option<String> {
        let next = self.standing.checks.iter().filter_map(|check| check.next).min()?;
        Some(if self.is_soon(next) {
            self.words.domain_look_soon.to_owned()
        } else {
            self.words.domain_next(&date_and_time(self.words, next))
        })
    }

    /// Returns whether a time is so near that a requested check is due or runs.
    fn is_soon(&self, next: OffsetDateTime) -> bool {
        next <= self.standing.now + time::Duration::seconds(90)
    }

    /// Returns whether a check runs within a minute or two.
    fn is_due(&self) -> bool {
        self.standing
            .checks
            .iter()
            .any(|check| check.next.is_some_and(|next| self.is_soon(next)))
    }

    /// Returns until when the lines of the page count.
    fn until(&self) -> Option<String> {
        let token = self.standing.token(Way::Dns)?;
        Some(self.words.domain_until(&day(self.words, token.ends_at.date())))
    }

    fn problem(&self, place: Place) -> Option<&'static str> {
        let note = self.note.filter(|note| note.place() == place);
        note.map(|note| note.sentence(self.words))
    }

    fn look_problem(&self) -> Option<&'static str> {
        self.problem(Place::Look)
    }

    fn send_problem(&self) -> Option<&'static str> {
        self.problem(Place::Send)
    }

    fn code_problem(&self) -> Option<&'static str> {
        self.problem(Place::Code)
    }

    /// Returns whether a code is of use: a proof says more.
    fn offers_code(&self) -> bool {
        self.standing.offers_code && self.standing.proved().is_none()
    }

    /// Returns whether a code was mailed and can be typed.
    fn takes_code(&self) -> bool {
        self.standing.token(Way::Mail).is_some()
    }
}

/// Shows the page.
pub async fn show_domain(State(site): State<Arc<Site>>, Path(secret): Path<String>) -> Result<Response, WebError> {
    let secret = parse(&secret)?;
    checks(&site)?;
    page(&site, secret, None).await
}

/// Redirects a reader who loads the address of a form.
pub async fn return_to_domain(Path((secret, _)): Path<(String, String)>) -> Result<Response, WebError> {
    parse(&secret).map(redirect_to_domain)
}

/// Takes a form of the page: asks for a look, for a code, or checks a code. A form from another site does nothing.
pub async fn post_domain(
    State(site): State<Arc<Site>>,
    Path((secret, action)): Path<(String, String)>,
    request: Request,
) -> Result<Response, WebError> {
    let secret = parse(&secret)?;
    let checks = checks(&site)?;
    let body = match read_form(&site, request, LONGEST_CODE).await {
        Ok(body) => body,
        Err(NotRead::Foreign) => return Ok(redirect_to_domain(secret)),
        Err(NotRead::TooLarge) => return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response()),
        Err(NotRead::Invalid(error)) => return Err(error),
    };
    let note = match action.as_str() {
        "check" => ask_for_check(&site, checks, secret).await?,
        "email" => ask_for_code(&site, secret).await?,
        "code" => type_code(&site, secret, &code_in(&body)).await?,
        _ => return Err(WebError::NotFound),
    };
    match note {
        None => Ok(redirect_to_domain(secret)),
        note => page(&site, secret, note).await,
    }
}

fn checks(site: &Site) -> Result<&DomainChecks, WebError> {
    site.domain_checks.as_deref().ok_or(WebError::NotFound)
}

async fn ask_for_check(site: &Site, checks: &DomainChecks, secret: Uuid) -> Result<Option<Note>, WebError> {
    let asked = with_time_limit(domain_proof::ask_for_check(&site.pool, secret)).await?;
    Ok(match asked {
        Some(CheckAsked::Due) => {
            checks.wake();
            None
        }
        Some(CheckAsked::TooSoon) => Some(Note::TooSoon),
        Some(CheckAsked::TooMany) => Some(Note::TooMany),
        Some(CheckAsked::NotNow) | None => None,
    })
}

async fn ask_for_code(site: &Site, secret: Uuid) -> Result<Option<Note>, WebError> {
    match with_time_limit(domain_proof::ask_for_code(&site.pool, &site.review, secret)).await {
        Ok(CodeAsked::Sent) => {
            site.outbox.wake();
            Ok(None)
        }
        Ok(CodeAsked::Limited) => Ok(Some(Note::MailLimited)),
        Ok(CodeAsked::Unreachable) => Ok(Some(Note::MailUnreachable)),
        Err(NotChanged::NotFound | NotChanged::Refused(_)) => Ok(None),
        Err(NotChanged::Database(error)) => Err(error.into()),
        Err(NotChanged::Email(error)) => Err(error.into()),
    }
}

async fn type_code(site: &Site, secret: Uuid, typed: &str) -> Result<Option<Note>, WebError> {
    let tried = with_time_limit(domain_proof::type_code(&site.pool, secret, typed)).await?;
    Ok(match tried {
        Some(CodeTyped::Right) | None => None,
        Some(CodeTyped::Wrong) => Some(Note::CodeWrong),
        Some(CodeTyped::Over) => Some(Note::CodeOver),
    })
}

fn code_in(body: &[u8]) -> String {
    let mut fields = form_urlencoded::parse(body);
    let code = fields.find(|(name, _)| name == "code");
    code.map(|(_, code)| code.into_owned()).unwrap_or_default()
}

async fn page(site: &Site, secret: Uuid, note: Option<Note>) -> Result<Response, WebError> {
    let Some(standing) = with_time_limit(domain_proof::open_domain(&site.pool, secret)).await? else {
        return moved(site, secret, None).await;
    };
    let Some(domain) = &standing.domain else {
        let words = Words::of(standing.language);
        let message = Message::new(words.domain_not_now_heading, words.domain_not_now_text, Some(secret));
        return message_page(site, StatusCode::OK, standing.language, message);
    };
    let layout = Layout::unlisted(&site.info, standing.language);
    let page = DomainPage {
        layout,
        words: layout.words,
        standing: &standing,
        domain,
        secret,
        note,
    };
    let status = note.map_or(StatusCode::OK, Note::status);
    let html = page.render()?;
    Ok(with_secret_headers(private_page(status, standing.language, html)))
}
