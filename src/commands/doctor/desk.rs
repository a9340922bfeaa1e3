//! Checks whether the people at the desk can do what applicants wait for.

use sqlx::PgConnection;

use super::CheckResult;
use crate::staff::{self, Role, StaffMember};

const DESK: &str = "Desk";

/// Checks an up-to-date database.
pub(super) async fn check(connection: &mut PgConnection, public_url: &str) -> sqlx::Result<Vec<CheckResult>> {
    if !staff::is_any(&mut *connection).await? {
        return Ok(Vec::new());
    }
    let members = staff::enabled(connection).await?;
    let deciders = members.iter().filter(|member| member.role >= Role::Decider).count();
    let people = people(&members, deciders);
    Ok([Some(people), cookies(public_url)].into_iter().flatten().collect())
}

fn people(members: &[StaffMember], deciders: usize) -> CheckResult {
    let says = format!("{} can sign in, and {deciders} of them can decide.", members.len());
    match deciders {
        0 => CheckResult::warn(
            DESK,
            says,
            "Nobody can decide. Add a decider: npoc staff add NAME ADDRESS --role decider.",
        ),
        1 => CheckResult::warn(
            DESK,
            says,
            "An appeal needs another decider than the first decision. Add one, perhaps of the Executive Committee: \
             npoc staff add NAME ADDRESS --role decider.",
        ),
        _ => CheckResult::ok(DESK, says),
    }
}

/// Warns about cookies that a network can read.
fn cookies(public_url: &str) -> Option<CheckResult> {
    let is_open = public_url.starts_with("http:")
        && !["//localhost", "//127.0.0.1"]
            .iter()
            .any(|host| public_url.contains(host));
    is_open.then(|| {
        CheckResult::warn(
            DESK,
            "the public address is not https, so cookies of the desk are sent without encryption.",
            "Put a proxy with TLS in front of the site, and set NPOC_PUBLIC_URL to its https address.",
        )
    })
}
