//! Checks whether the people at the desk can do what applicants wait for.

use sqlx::PgConnection;

use super::CheckResult;
use crate::commands::terminal::counted;
use crate::membership::review;
use crate::staff::{self, Role, StaffMember};

const DESK: &str = "Desk";

/// Checks an up-to-date database.
pub(super) async fn check(connection: &mut PgConnection, public_url: &str) -> sqlx::Result<Vec<CheckResult>> {
    if !staff::is_any(&mut *connection).await? {
        return Ok(Vec::new());
    }
    let members = staff::enabled(&mut *connection).await?;
    let deciders = members.iter().filter(|member| member.role >= Role::Decider).count();
    let people = people(&members, deciders);
    let waiting = review::stuck(&mut *connection).await?;
    let stuck = stuck(u64::try_from(waiting.len()).unwrap_or(u64::MAX));
    let clock = wrong_codes(staff::wrong_codes(connection).await?);
    let results = [Some(people), stuck, clock, cookies(public_url)];
    Ok(results.into_iter().flatten().collect())
}

/// Warns about applications that wait for a decider who is not there.
fn stuck(count: u64) -> Option<CheckResult> {
    (count > 0).then(|| {
        CheckResult::warn(
            DESK,
            format!("nobody can decide {}.", counted(count, "application")),
            "Every decider has a conflict of interest, or made the decision that is appealed. Add another decider, \
             perhaps of the Executive Committee: npoc staff add NAME ADDRESS --role decider.",
        )
    })
}

/// Warns if the codes of authenticator apps fail for several people: then the clock is wrong, not the people.
fn wrong_codes(people: i64) -> Option<CheckResult> {
    (people > 1).then(|| {
        CheckResult::warn(
            DESK,
            format!("in the last day, no code of the authenticator apps of {people} people was right."),
            "Check the server's clock: codes are computed from it. Until it is right, set NPOC_SECOND_FACTOR=none.",
        )
    })
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
            "The person who took the first decision cannot decide the appeal. Add another decider, perhaps from the \
             Executive Committee: npoc staff add NAME ADDRESS --role decider.",
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
