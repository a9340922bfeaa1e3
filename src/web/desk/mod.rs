//! The desk, where staff sign in, read applications and decide. In English only. There is no desk without staff.
//!
//! One request: `guard` (staff, origin, headers) → `session` (who) → `list`, `application` or `change`.

mod accounts;
mod application;
mod change;
mod export;
mod form;
mod fresh;
mod given_back;
mod guard;
mod layout;
mod list;
mod log;
mod me;
mod problem;
mod second;
mod session;
mod sign_in;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::routing::{get, post};

use super::site::Site;

/// Returns the routes of the desk, behind its guards.
pub fn router(site: &Arc<Site>) -> Router<Arc<Site>> {
    let same_origin = site.same_origin.clone();
    Router::new()
        .route("/desk", get(list::home))
        .route("/desk/applications", get(list::applications))
        .route("/desk/applications/{reference}", get(application::show))
        .route("/desk/applications/{reference}/{action}", post(change::post))
        .route("/desk/sign-in", get(sign_in::show).post(sign_in::ask))
        .route(
            "/desk/sign-in/confirm",
            get(sign_in::show_code).post(sign_in::take_code),
        )
        .route("/desk/sign-in/second", get(second::show).post(second::take))
        .route(
            "/desk/sign-in/{token}",
            get(sign_in::show_link).post(sign_in::take_link),
        )
        .route("/desk/sign-out", post(sign_in::sign_out))
        .route("/desk/me", get(me::show))
        .route("/desk/me/{action}", post(me::post))
        .route("/desk/staff", get(accounts::show).post(accounts::add))
        .route("/desk/staff/{id}/{action}", post(accounts::change))
        .route("/desk/log", get(log::show))
        .route("/desk/export.csv", get(export::download).post(export::confirm))
        .layer(map_response(guard::render_errors))
        .layer(from_fn(guard::require_origin))
        .layer(same_origin.with_rejection_response(|_| guard::refusal()))
        .layer(from_fn_with_state(Arc::clone(site), guard::require_staff))
        .layer(map_response(guard::add_headers))
}
