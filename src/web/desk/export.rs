//! The download of all applications as a table for spreadsheets, for people who decide.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::application::Typed;
use super::form;
use super::fresh;
use super::list::hidden_from;
use super::session::Member;
use crate::database::Pool;
use crate::membership::{self, Filter, StoredApplication, table_head, table_row};
use crate::staff::Role;
use crate::web::error::WebError;
use crate::web::site::Site;

/// The address of the download.
const PATH: &str = "/desk/export.csv";

/// The rows that are ready before the client has taken them.
const ROWS_AHEAD: usize = 100;

/// The applications that are read at a time.
const BATCH: usize = 500;

/// How long a client may take none of the rows.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends the table, without applications with which the member has a conflict of interest.
pub async fn download(State(site): State<Arc<Site>>, member: Member) -> Result<Response, WebError> {
    if let Some(answer) = refuse(&site, &member, &Typed::new()).await? {
        return Ok(answer);
    }
    let mut session = site.pool.session().await?;
    let hidden = hidden_from(&mut session, &member.staff).await?;
    session.end().await?;
    let Ok(permit) = Arc::clone(&site.exports).try_acquire_owned() else {
        return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
    };
    member.log(&site, "export", true).await?;
    let (sender, receiver) = mpsc::channel(ROWS_AHEAD);
    tokio::spawn(send_rows(site.pool.clone(), hidden, sender, permit));
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
    let typed = form::read(request).await?;
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
async fn send_rows(pool: Pool, hidden: Vec<String>, sender: Rows, permit: OwnedSemaphorePermit) {
    if let Err(error) = try_to_send_rows(&pool, &hidden, &sender).await {
        tracing::warn!(error = format!("{error:#}"), "an export broke off");
        sender.send(Err(error)).await.ok();
    }
    drop(permit);
}

/// A slow reader holds no connection: each batch is read before it is sent.
async fn try_to_send_rows(pool: &Pool, hidden: &[String], sender: &Rows) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    let references = membership::references(&mut *session, hidden).await?;
    session.end().await?;
    for batch in references.chunks(BATCH) {
        for record in read(pool, batch).await? {
            let row = table_row(&record)?.into();
            tokio::time::timeout(PATIENCE, sender.send(Ok(row))).await??;
        }
    }
    Ok(())
}

async fn read(pool: &Pool, references: &[String]) -> sqlx::Result<Vec<StoredApplication>> {
    let mut session = pool.session().await?;
    let filter = Filter::of_references(references.to_vec());
    let records = membership::list(&mut *session, filter).try_collect().await?;
    session.end().await?;
    Ok(records)
}
