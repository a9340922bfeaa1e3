//! Changes an application for its applicant.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use uuid::Uuid;

use super::forms::{ACTIONS, Form, Forms, Posted, Problem, change};
use super::moved::moved;
use super::page::page;
use super::secret::{NotRead, parse, read_form, redirect_to, with_secret_headers};
use crate::locale::{Language, Words};
use crate::membership::review::{self, Actor, ChangeKind, Key, NotChanged, Standing};
use crate::web::error::WebError;
use crate::web::layout::{Layout, Page, private_page};
use crate::web::site::Site;
use crate::web::time_limit::with_time_limit;

/// The most octets of a posted form: 4,000 characters in any script, percent-encoded.
const LONGEST_FORM: usize = 256 * 1024;

#[derive(Template)]
#[template(path = "membership/unavailable.html")]
struct UnavailablePage<'a> {
    layout: Layout<'a>,
    words: &'static Words,
    forms: Forms,
}

/// An action of the page at a secret address.
#[derive(Clone, Copy)]
struct Target<'a> {
    site: &'a Site,
    secret: Uuid,
    kind: ChangeKind,
}

/// Changes an application. A form from another site is shown the page and changes nothing.
pub async fn post(
    State(site): State<Arc<Site>>,
    Path((secret, action)): Path<(String, String)>,
    request: Request,
) -> Result<Response, WebError> {
    let (secret, (action, kind)) = (parse(&secret)?, named(&action)?);
    let body = match read_form(&site, request, LONGEST_FORM).await {
        Ok(body) => body,
        Err(NotRead::Foreign) => return Ok(redirect_to(secret)),
        Err(NotRead::TooLarge) => return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response()),
        Err(NotRead::Invalid(error)) => return Err(error),
    };
    let site = &*site;
    answer(Target { site, secret, kind }, &Posted::parse(action, &body)).await
}

/// Redirects a reader who loads the address of a form.
pub async fn return_to(Path((secret, action)): Path<(String, String)>) -> Result<Response, WebError> {
    let secret = parse(&secret)?;
    named(&action).map(|_| redirect_to(secret))
}

fn named(action: &str) -> Result<(&'static str, ChangeKind), WebError> {
    let found = ACTIONS.iter().find(|(name, _)| *name == action);
    found.copied().ok_or(WebError::NotFound)
}

async fn answer(target: Target<'_>, posted: &Posted) -> Result<Response, WebError> {
    let change = match change(target.kind, posted) {
        Ok(change) => change,
        Err(problem) => return target.refuse(posted, StatusCode::UNPROCESSABLE_ENTITY, &problem).await,
    };
    let site = target.site;
    let version = posted.version.unwrap_or_default();
    let key = Key::Secret(target.secret);
    let storing = review::store(&site.pool, &site.review, key, version, &change, Actor::Applicant);
    match with_time_limit(storing).await {
        Ok(()) => {
            site.outbox.wake();
            Ok(redirect_to(target.secret))
        }
        Err(NotChanged::NotFound) => moved(site, target.secret, Some(posted)).await,
        Err(NotChanged::Refused(_)) => target.refuse(posted, StatusCode::CONFLICT, &Problem::Changed).await,
        Err(NotChanged::Database(error)) => target.give_back(posted, &error.into()),
        Err(NotChanged::Email(error)) => Err(error.into()),
    }
}

impl Target<'_> {
    /// Shows the page with what was posted, and says why it was not sent.
    async fn refuse(self, posted: &Posted, status: StatusCode, problem: &Problem) -> Result<Response, WebError> {
        let standing = match with_time_limit(self.standing()).await {
            Ok(Some(standing)) => standing,
            Ok(None) => return moved(self.site, self.secret, Some(posted)).await,
            Err(error) => return self.give_back(posted, &error.into()),
        };
        let sentence = problem.sentence(Words::of(standing.language), self.kind);
        // The application changed in the meantime, whatever else is wrong with the form.
        let is_late = !standing.allows(self.kind);
        let status = if is_late { StatusCode::CONFLICT } else { status };
        page(self.site, status, &standing, self.secret, Some((posted, &sentence))).await
    }

    async fn standing(self) -> sqlx::Result<Option<Standing>> {
        let mut session = self.site.pool.session().await?;
        review::standing(&mut session, self.secret).await
    }

    /// Gives the text back while the database is unavailable.
    fn give_back(self, posted: &Posted, error: &anyhow::Error) -> Result<Response, WebError> {
        tracing::error!(error = format!("{error:#}"), "application not changed, text given back");
        let language = posted.language.unwrap_or(Language::En);
        let layout = Layout::unlisted(&self.site.info, language);
        let words = layout.words;
        let form = Form::new(words, posted.action, self.kind, Some((posted, words.state_unavailable)));
        let forms = Forms {
            words,
            secret: self.secret,
            version: posted.version.unwrap_or_default(),
            shown: vec![form],
            can_correct: false,
            can_prove: false,
        };
        let html = UnavailablePage { layout, words, forms }.render()?;
        let mut response = private_page(StatusCode::SERVICE_UNAVAILABLE, language, html);
        response.headers_mut().insert(header::RETRY_AFTER, 60.into());
        Ok(with_secret_headers(response))
    }
}
