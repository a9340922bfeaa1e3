//! The form with the answers of a stored application, at the address of a mailed link. What is typed is never lost: every
//! answer that is not "stored" carries it.

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::super::status::{Message, message_page, with_secret_headers};
use super::super::time_limit::with_time_limit;
use super::form::{CorrectionForm, FormPage};
use crate::http::encoding::is_encoded;
use crate::http::message::is_urlencoded;
use crate::locale::{Language, Words};
use crate::membership::review::{self, Correction, NotChanged, OpenedLink};
use crate::membership::{self, Answers, Problem};
use crate::staff::Token;
use crate::web::error::WebError;
use crate::web::layout::{Layout, private_page};
use crate::web::origin::is_cross_site;
use crate::web::site::Site;

/// A link that opens the form, for one request.
#[derive(Clone, Copy)]
struct Opened<'a> {
    site: &'a Site,
    token: &'a str,
    link: &'a OpenedLink,
}

/// Why corrections that keep the rules are not stored.
enum Notice {
    /// The application changed meanwhile.
    Outdated,
    /// No answer is another one.
    Same,
    /// The representative gets this address, which the applicant has to check first.
    CheckAddress(String),
}

/// What was posted.
struct Posted {
    answers: Answers,
    version: Option<i32>,
    language: Option<Language>,
    /// The new address of the representative that the applicant has confirmed.
    checked_address: Option<String>,
}

/// Shows the form with the answers. Opening the link does not use it up: programs that check emails open links.
pub async fn show(State(site): State<Arc<Site>>, Path(token): Path<String>) -> Result<Response, WebError> {
    let link = find(&site, &token).await?;
    let Some(link) = link.filter(|link| !link.is_used) else {
        return over(&site, &token).await;
    };
    let correction = CorrectionForm {
        token: &token,
        version: link.version,
        notice: None,
        address: None,
    };
    render(
        &site,
        link.language,
        StatusCode::OK,
        &link.record.answers(),
        &[],
        correction,
    )
}

/// Stores the corrections.
pub async fn post(
    State(site): State<Arc<Site>>,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, WebError> {
    if !is_urlencoded(request.headers()) {
        return Err(WebError::UnsupportedMediaType);
    }
    if is_encoded(request.headers()) {
        return Err(WebError::Compressed);
    }
    if is_cross_site(request.headers(), &site.info.public_url, false) {
        return Ok(to_link(&token));
    }
    let (head, body) = request.into_parts();
    let network = site.proxies.client(&head).unwrap_or(Ipv4Addr::LOCALHOST.into());
    let body = site.body_reader.read(body, network).await?;
    let response = answer(&site, &token, &Posted::parse(&body.octets)).await?;
    Ok(body.answer(response).await?)
}

async fn answer(site: &Site, token: &str, posted: &Posted) -> Result<Response, WebError> {
    let link = match find(site, token).await {
        Ok(link) => link,
        Err(error) => return unstored(site, token, posted, &error.into()),
    };
    let Some(link) = link else {
        return dead(site, token, posted);
    };
    let page = Opened {
        site,
        token,
        link: &link,
    };
    let application = match membership::check(&posted.answers) {
        Ok(application) => application,
        Err(problems) => return page.form(posted, &problems, None),
    };
    match Correction::of(&link.record.answers(), application) {
        Some(correction) if !link.is_used => page.store(posted, &correction).await,
        Some(_) => page.not_found(posted).await,
        None => page.unchanged(posted).await,
    }
}

impl Opened<'_> {
    async fn store(self, posted: &Posted, correction: &Correction) -> Result<Response, WebError> {
        let Some(key) = Token::parse(self.token) else {
            return Err(WebError::NotFound);
        };
        let address = correction.representative().to_string();
        if address != self.link.record.representative_email && posted.checked_address.as_ref() != Some(&address) {
            return self.form(posted, &[], Some(&Notice::CheckAddress(address)));
        }
        let site = self.site;
        let version = posted.version.unwrap_or_default();
        let storing = review::store_correction(&site.pool, &site.review, &key, version, correction);
        match with_time_limit(storing).await {
            Ok(()) => {
                site.outbox.wake();
                Ok(to_link(self.token))
            }
            Err(NotChanged::NotFound) => self.not_found(posted).await,
            Err(NotChanged::Refused(_)) => self.form(posted, &[], Some(&Notice::Outdated)),
            Err(NotChanged::Database(error)) => unstored(site, self.token, posted, &error.into()),
            Err(NotChanged::Email(error)) => Err(error.into()),
        }
    }

    /// Answers a post without a new answer. Perhaps the same button was pressed twice, and the first one has just stored it.
    async fn unchanged(self, posted: &Posted) -> Result<Response, WebError> {
        let link = find(self.site, self.token).await?;
        if link.is_some_and(|link| link.is_used) {
            return Ok(to_link(self.token));
        }
        self.form(posted, &[], Some(&Notice::Same))
    }

    /// Answers a post whose link does not work any more. Perhaps the same button was pressed twice.
    async fn not_found(self, posted: &Posted) -> Result<Response, WebError> {
        let link = find(self.site, self.token).await?;
        let is_same = |link: &OpenedLink| {
            let application = membership::check(&posted.answers).ok();
            link.is_used && application.is_some_and(|new| Correction::of(&link.record.answers(), new).is_none())
        };
        if link.as_ref().is_some_and(is_same) {
            return Ok(to_link(self.token));
        }
        dead(self.site, self.token, posted)
    }

    /// Shows the form with what was posted, with its problems or the reason why it was not stored. The version stays that of
    /// the page that was posted, unless the notice names the change.
    fn form(self, posted: &Posted, problems: &[Problem], notice: Option<&Notice>) -> Result<Response, WebError> {
        let words = Words::of(self.link.language);
        let sentence = notice.map(|notice| notice.sentence(words));
        let version = match notice {
            Some(Notice::Outdated) => self.link.version,
            _ => posted.version.unwrap_or(self.link.version),
        };
        let correction = CorrectionForm {
            token: self.token,
            version,
            notice: sentence.as_deref(),
            address: notice.and_then(Notice::address),
        };
        let status = match (problems, notice) {
            ([], Some(Notice::Outdated)) => StatusCode::CONFLICT,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        render(
            self.site,
            self.link.language,
            status,
            &posted.answers,
            problems,
            correction,
        )
    }
}

impl Notice {
    fn sentence(&self, words: &Words) -> String {
        match self {
            Self::Outdated => words.change_outdated.to_owned(),
            Self::Same => words.change_same.to_owned(),
            Self::CheckAddress(address) => words.change_check_address(address),
        }
    }

    fn address(&self) -> Option<&str> {
        match self {
            Self::CheckAddress(address) => Some(address),
            Self::Outdated | Self::Same => None,
        }
    }
}

async fn find(site: &Site, token: &str) -> sqlx::Result<Option<OpenedLink>> {
    let Some(token) = Token::parse(token) else {
        return Ok(None);
    };
    let finding = async {
        let mut session = site.pool.transaction().await?;
        let link = review::open_link(&mut session, &token).await?;
        session.end().await?;
        Ok(link)
    };
    with_time_limit(finding).await
}

fn to_link(token: &str) -> Response {
    with_secret_headers(Redirect::to(&format!("/membership/change/{token}")).into_response())
}

fn render(
    site: &Site,
    language: Language,
    status: StatusCode,
    answers: &Answers,
    problems: &[Problem],
    correction: CorrectionForm<'_>,
) -> Result<Response, WebError> {
    let layout = Layout::unlisted(&site.info, language);
    let html = FormPage::correcting(layout, answers, problems, correction).render()?;
    Ok(with_secret_headers(private_page(status, language, html)))
}

/// Gives the answers back while the database is unavailable.
fn unstored(site: &Site, token: &str, posted: &Posted, error: &anyhow::Error) -> Result<Response, WebError> {
    tracing::error!(
        error = format!("{error:#}"),
        "application not corrected, answers given back"
    );
    let notice = posted.words().change_unavailable;
    let mut response = give_back(site, token, posted, StatusCode::SERVICE_UNAVAILABLE, notice)?;
    response.headers_mut().insert(header::RETRY_AFTER, 60.into());
    Ok(response)
}

/// Gives the answers back if the link does not work any more.
fn dead(site: &Site, token: &str, posted: &Posted) -> Result<Response, WebError> {
    give_back(
        site,
        token,
        posted,
        StatusCode::CONFLICT,
        posted.words().change_dead_text,
    )
}

fn give_back(
    site: &Site,
    token: &str,
    posted: &Posted,
    status: StatusCode,
    notice: &str,
) -> Result<Response, WebError> {
    let correction = CorrectionForm {
        token,
        version: posted.version.unwrap_or_default(),
        notice: Some(notice),
        address: None,
    };
    render(site, posted.words().language, status, &posted.answers, &[], correction)
}

/// Shows that the corrections have arrived, or that the link does not work.
async fn over(site: &Site, token: &str) -> Result<Response, WebError> {
    let link = find(site, token).await?;
    let language = link.as_ref().map_or(Language::En, |link| link.language);
    let words = Words::of(language);
    let (status, heading, text) = match link {
        Some(_) => (StatusCode::OK, words.change_done_heading, words.change_done_text),
        None => (StatusCode::NOT_FOUND, words.change_dead_heading, words.change_dead_text),
    };
    let secret = link.and_then(|link| link.secret);
    message_page(site, status, language, Message::new(heading, text, secret))
}

impl Posted {
    fn words(&self) -> &'static Words {
        Words::of(self.language.unwrap_or(Language::En))
    }

    fn parse(body: &[u8]) -> Self {
        let last = |name: &str| {
            let values = form_urlencoded::parse(body).filter(|(key, _)| key == name);
            values.last().map(|(_, value)| value)
        };
        Self {
            answers: Answers::typed(form_urlencoded::parse(body)),
            version: last("version").and_then(|version| version.parse().ok()),
            language: last("language").and_then(|language| Language::of_code(&language)),
            checked_address: last("checked_address").map(Cow::into_owned),
        }
    }
}
