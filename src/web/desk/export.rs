//! The download of all applications as a table for spreadsheets, for people who decide.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::mpsc;

use super::application::Typed;
use super::form::read;
use super::fresh;
use super::list::hidden_from;
use super::session::Member;
use crate::database::Pool;
use crate::membership::{self, Filter, table_head, table_row};
use crate::staff::Role;
use crate::web::error::WebError;
use crate::web::site::Site;

/// The address of the download.
const PATH: &str = "/desk/export.csv";

/// The rows that are ready before the client has taken them.
const ROWS_AHEAD: usize = 100;

/// Sends the table, without applications with which the member has a conflict of interest.
pub async fn download(State(site): State<Arc<Site>>, member: Member) -> Result<Response, WebError> {
    if let Some(answer) = refuse(&site, &member, &Typed::new()).await? {
        return Ok(answer);
    }
    let unavailable = |error: sqlx::Error| WebError::Unavailable(error.into());
    let mut session = site.pool.session().await.map_err(unavailable)?;
    let hidden = hidden_from(&mut session, &member.staff).await?;
    session.end().await.map_err(unavailable)?;
    member.log(&site, "export", true).await?;
    let (sender, receiver) = mpsc::channel(ROWS_AHEAD);
    tokio::spawn(send_rows(site.pool.clone(), hidden, sender));
    let head = table_head().map_err(WebError::Internal)?;
    let rows = stream::unfold(receiver, async |mut rows| Some((rows.recv().await?, rows)));
    let body = stream::iter([Ok(Bytes::from(head))]).chain(rows);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"npoc-applications.csv\"",
        ),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// Takes the code that the download asks for, and goes on to it.
pub async fn confirm(State(site): State<Arc<Site>>, member: Member, request: Request) -> Result<Response, WebError> {
    let typed = read(request).await?;
    let answer = refuse(&site, &member, &typed).await?;
    Ok(answer.unwrap_or_else(|| Redirect::to(PATH).into_response()))
}

/// Returns the answer to a member who may not download the table now.
async fn refuse(site: &Site, member: &Member, typed: &Typed) -> Result<Option<Response>, WebError> {
    if member.staff.role < Role::Decider {
        member.log(site, "export", false).await?;
        return Ok(Some(StatusCode::FORBIDDEN.into_response()));
    }
    fresh::ask(site, member, PATH, typed).await
}

type Rows = mpsc::Sender<anyhow::Result<Bytes>>;

/// Sends the rows until all are sent or nobody takes them. A failure breaks the download off, so that nobody takes a part
/// for the whole.
async fn send_rows(pool: Pool, hidden: Vec<String>, sender: Rows) {
    if let Err(error) = try_to_send_rows(&pool, &hidden, &sender).await {
        tracing::warn!(error = format!("{error:#}"), "an export broke off");
        sender.send(Err(error)).await.ok();
    }
}

async fn try_to_send_rows(pool: &Pool, hidden: &[String], sender: &Rows) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    let mut records = membership::list(&mut *session, Filter::default());
    while let Some(record) = records.try_next().await? {
        if hidden.contains(&record.reference) {
            continue;
        }
        if sender.send(Ok(table_row(&record)?.into())).await.is_err() {
            return Ok(());
        }
    }
    drop(records);
    Ok(session.end().await?)
}
