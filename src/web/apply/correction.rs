//! The form with the answers of a stored application, at the address of a mailed link. What is typed is never lost: every
//! answer that is not "stored" carries it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use uuid::Uuid;

use super::super::status::{with_secret_headers, with_time_limit};
use super::form::{CorrectionForm, FormPage};
use crate::http::encoding::is_encoded;
use crate::http::message::is_urlencoded;
use crate::locale::{Language, Words};
use crate::membership::review::{self, Correction, NotChanged, OpenedLink};
use crate::membership::{self, Answers, Problem};
use crate::staff::Token;
use crate::web::error::WebError;
use crate::web::layout::{Layout, Page, private_page};
use crate::web::origin::is_cross_site;
use crate::web::site::Site;

/// The page of a link that no longer opens the form.
#[derive(Template)]
#[template(path = "membership/change_note.html")]
struct OverPage<'a> {
    layout: Layout<'a>,
    words: &'static Words,
    heading: &'static str,
    text: &'static str,
    /// The secret of the status page, if the reader may know it.
    secret: Option<Uuid>,
}

/// What was posted.
struct Posted {
    answers: Answers,
    version: Option<i32>,
    language: Option<Language>,
}

/// Shows the form with the answers. Opening the link does not use it up: programs that check emails open links.
pub async fn show(State(site): State<Arc<Site>>, Path(token): Path<String>) -> Result<Response, WebError> {
    let link = find(&site, &token).await?;
    let Some(link) = link.filter(|link| !link.is_used) else {
        return over(&site, &token).await;
    };
    form(&site, &token, &link, &link.record.answers(), &[], None)
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
    let application = match membership::check(&posted.answers) {
        Ok(application) => application,
        Err(problems) => return form(site, token, &link, &posted.answers, &problems, None),
    };
    match Correction::of(&link.record.answers(), application) {
        Some(correction) if !link.is_used => store(site, token, &link, posted, &correction).await,
        Some(_) => dead(site, token, posted),
        // A button that was pressed twice stores nothing more.
        None if link.is_used => Ok(to_link(token)),
        None => form(site, token, &link, &posted.answers, &[], None),
    }
}

async fn store(
    site: &Site,
    token: &str,
    link: &OpenedLink,
    posted: &Posted,
    correction: &Correction,
) -> Result<Response, WebError> {
    let Some(key) = Token::parse(token) else {
        return Err(WebError::NotFound);
    };
    let version = posted.version.unwrap_or_default();
    let storing = review::store_correction(&site.pool, &site.review, &key, version, correction);
    match with_time_limit(storing).await {
        Ok(()) => {
            site.outbox.wake();
            Ok(to_link(token))
        }
        Err(NotChanged::NotFound) => dead(site, token, posted),
        Err(NotChanged::Refused(_)) => {
            let notice = Words::of(link.language).change_outdated;
            form(site, token, link, &posted.answers, &[], Some(notice))
        }
        Err(NotChanged::Database(error)) => unstored(site, token, posted, &error.into()),
        Err(NotChanged::Email(error)) => Err(error.into()),
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

/// Shows the form with these answers, with their problems or the reason why they were not stored.
fn form(
    site: &Site,
    token: &str,
    link: &OpenedLink,
    answers: &Answers,
    problems: &[Problem],
    notice: Option<&str>,
) -> Result<Response, WebError> {
    let correction = CorrectionForm {
        token,
        version: link.version,
        notice,
    };
    let layout = Layout::unlisted(&site.info, link.language);
    let html = FormPage::correcting(layout, answers, problems, correction).render()?;
    let status = match (problems, notice) {
        ([], None) => StatusCode::OK,
        ([], Some(_)) => StatusCode::CONFLICT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Ok(with_secret_headers(private_page(status, link.language, html)))
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
    let words = posted.words();
    let layout = Layout::unlisted(&site.info, words.language);
    let correction = CorrectionForm {
        token,
        version: posted.version.unwrap_or_default(),
        notice: Some(notice),
    };
    let html = FormPage::correcting(layout, &posted.answers, &[], correction).render()?;
    Ok(with_secret_headers(private_page(status, words.language, html)))
}

/// Shows that the corrections have arrived, or that the link does not work.
async fn over(site: &Site, token: &str) -> Result<Response, WebError> {
    let link = find(site, token).await?;
    let language = link.as_ref().map_or(Language::En, |link| link.language);
    let layout = Layout::unlisted(&site.info, language);
    let words = layout.words;
    let (status, heading, text) = match link {
        Some(_) => (StatusCode::OK, words.change_done_heading, words.change_done_text),
        None => (StatusCode::NOT_FOUND, words.change_dead_heading, words.change_dead_text),
    };
    let page = OverPage {
        layout,
        words,
        heading,
        text,
        secret: link.and_then(|link| link.secret),
    };
    Ok(with_secret_headers(private_page(status, language, page.render()?)))
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
        }
    }
}
