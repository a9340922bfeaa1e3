//! Checks the database: its server, its migrations, and the emails that wait in it.

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use time::OffsetDateTime;

use super::machine::CLOCK;
use super::{CheckResult, DATABASE, TIME_LIMIT, desk, retention, server};
use crate::database::embedded::{self, Versions};
use crate::database::{
    COMMAND_CONNECTIONS, Database, DatabaseChoice, HostInspection, Migrations, inspect, inspect_hosts,
    is_out_of_connections, migrations, running_or_configured,
};
use crate::housekeeping::STUCK_AFTER;
use crate::membership::in_utc;
use crate::outbox::{self, MAX_CONNECTIONS, QueueStats, RelayState};
use crate::settings::Settings;
use crate::{error_chain, single_line};

const MIGRATIONS: &str = "Migrations";
const MAIL: &str = "Mail";

/// How long an email may wait before that is a failure. Greylisting takes less.
const TOO_LONG: time::Duration = time::Duration::hours(1);

/// The greatest difference between two clocks, in seconds.
const MAX_CLOCK_DIFFERENCE: i64 = 5;

/// Checks the database. Does not start an embedded one, since that would create it.
pub(super) async fn check(settings: &Settings) -> Vec<CheckResult> {
    let choice = running_or_configured(&settings.database);
    let mut findings = match &choice {
        DatabaseChoice::Embedded(home) => vec![not_running(home)],
        DatabaseChoice::Url(address) => check_servers(address.hosts(), &choice, settings).await,
    };
    if let DatabaseChoice::Embedded(home) = &settings.database {
        findings.extend(old_version(home));
    }
    findings
}

async fn check_servers(hosts: &[PgConnectOptions], choice: &DatabaseChoice, settings: &Settings) -> Vec<CheckResult> {
    let [only] = hosts else {
        let found = inspect_hosts(hosts).await;
        let mut findings = server::check_hosts(&found);
        if found.iter().any(HostInspection::takes_writes) {
            findings.extend(within_limit(inspect_database(choice, settings)).await);
        }
        return findings;
    };
    within_limit(async {
        // The pool would retry without an error.
        PgConnection::connect_with(only).await?.close().await?;
        inspect_database(choice, settings).await
    })
    .await
}

async fn within_limit(inspection: impl Future<Output = anyhow::Result<Vec<CheckResult>>>) -> Vec<CheckResult> {
    match tokio::time::timeout(TIME_LIMIT, inspection).await {
        Ok(Ok(findings)) => findings,
        Ok(Err(error)) => vec![unusable(&error)],
        Err(_) => vec![unreachable("it does not answer")],
    }
}

/// Warns if newer PostgreSQL programs are installed. Only programs of the same version open the data, and an upgrade of the
/// system may remove them.
fn old_version(home: &std::path::Path) -> Option<CheckResult> {
    let Versions { used, newest } = embedded::versions(home).ok()?;
    (used < newest).then(|| {
        let says = format!(
            "the data belong to PostgreSQL {used}, and the newest programs here are {newest}. The site does not start \
             without the programs of version {used}."
        );
        let advice = format!(
            "Keep those programs until you have moved the data. docs/deploying.md says how: \"{}\".",
            embedded::MOVING
        );
        CheckResult::warn(DATABASE, says, advice)
    })
}

fn not_running(home: &std::path::Path) -> CheckResult {
    match embedded::versions(home) {
        Err(error) => CheckResult::fail(
            DATABASE,
            error.to_string(),
            "The site does not start until this is fixed.",
        ),
        Ok(Versions { used, .. }) => CheckResult::warn(
            DATABASE,
            format!(
                "the embedded database in {} is not running; PostgreSQL {used} is installed for it.",
                home.display()
            ),
            "Start the site, which creates and starts the database, and run npoc doctor again.",
        ),
    }
}

/// The SQLSTATE of a missing privilege (PostgreSQL, appendix A).
const INSUFFICIENT_PRIVILEGE: &str = "42501";

fn unusable(error: &anyhow::Error) -> CheckResult {
    let database = error.downcast_ref().and_then(sqlx::Error::as_database_error);
    if database.is_some_and(|error| error.code().is_some_and(|code| code == INSUFFICIENT_PRIVILEGE)) {
        let advice = "Make the user of DATABASE_URL the owner of the database, and of the tables in it.";
        return CheckResult::fail(
            DATABASE,
            format!("it denies access: {}.", error_chain(error.as_ref())),
            advice,
        );
    }
    if error.downcast_ref().is_some_and(is_out_of_connections) {
        let says = format!("it has no free connection: {}.", error_chain(error.as_ref()));
        return CheckResult::fail(DATABASE, says, server::FEW_CONNECTIONS);
    }
    unreachable(&error_chain(error.as_ref()))
}

fn unreachable(why: &str) -> CheckResult {
    CheckResult::fail(
        DATABASE,
        format!("it cannot be used: {why}."),
        "Check that PostgreSQL runs (Debian: sudo systemctl status postgresql). Check host, database, user and password in \
         DATABASE_URL. Over a socket, the user of this process must be the database's user; sudo npoc ensures that.",
    )
}

async fn inspect_database(choice: &DatabaseChoice, settings: &Settings) -> anyhow::Result<Vec<CheckResult>> {
    let database = Database::at(choice, COMMAND_CONNECTIONS).await?;
    let mut session = database.pool.session().await?;
    let inspection = inspect(&mut session).await?;
    let migrations = migrations(&mut session).await?;
    session.end().await?;
    let mut findings = server::check(&inspection, settings.database_connections);
    findings.extend([clock(inspection.now), migrated(&migrations)]);
    if matches!(migrations, Migrations::All(_)) {
        let mut session = database.pool.session().await?;
        let relay = outbox::relay_state(&mut *session).await?;
        findings.extend(retention::check(&mut session, settings.retention_days).await?);
        findings.extend(desk::check(&mut session, &settings.public_url).await?);
        session.end().await?;
        findings.extend(mail(&outbox::queue_stats(&database.pool).await?, &relay));
    }
    database.close().await;
    Ok(findings)
}

fn clock(database_time: OffsetDateTime) -> CheckResult {
    let seconds = (OffsetDateTime::now_utc() - database_time).whole_seconds().abs();
    if seconds > MAX_CLOCK_DIFFERENCE {
        let says = format!("this machine's clock and the database's differ by {seconds} seconds.");
        return CheckResult::fail(CLOCK, says, "Run systemd-timesyncd or chrony on both machines.");
    }
    CheckResult::ok(CLOCK, "this machine's clock and the database's agree.")
}

const RUNS_MIGRATIONS: &str = "The next start of the site runs the migrations. So does npoc migrate.";

fn migrated(migrations: &Migrations) -> CheckResult {
    let fail = |says: &str, advice| CheckResult::fail(MIGRATIONS, says, advice);
    match migrations {
        Migrations::All(all) => CheckResult::ok(MIGRATIONS, format!("all {all} have run.")),
        Migrations::None => CheckResult::warn(MIGRATIONS, "the database is empty.", RUNS_MIGRATIONS),
        Migrations::Missing(missing) => {
            let advice = format!("{RUNS_MIGRATIONS} Make a backup first.");
            CheckResult::warn(MIGRATIONS, format!("{missing} have not run yet."), advice)
        }
        Migrations::FromNewer => fail(
            "a newer npoc has changed the database.",
            "Install the newer version again, or restore an older backup.",
        ),
        Migrations::OtherProgram => fail(
            "another program uses this database.",
            "Create a database for the site, and name it in DATABASE_URL.",
        ),
        Migrations::Changed => fail(
            "a migration that ran differs from this npoc's.",
            "Install the npoc that ran it.",
        ),
    }
}

fn mail(stats: &QueueStats, relay: &RelayState) -> Vec<CheckResult> {
    let mut findings = vec![waiting(stats)];
    findings.extend(refused(stats));
    findings.extend(bounced(stats));
    findings.extend(failing(relay));
    findings
}

fn waiting(stats: &QueueStats) -> CheckResult {
    let since = match stats.waiting {
        0 => String::new(),
        _ => format!(" (the oldest for {} minutes)", stats.oldest_waits.whole_minutes()),
    };
    let digest = match stats.for_digest {
        0 => String::new(),
        for_digest => format!(", {for_digest} for the next digest to staff"),
    };
    let says = format!(
        "{} waiting{since}, {} given up, {} held{digest}.",
        stats.waiting, stats.given_up, stats.held
    );
    let advice = "sudo npoc mail list names the emails and reasons; sudo npoc mail retry makes them due now.";
    if stats.oldest_waits > TOO_LONG {
        CheckResult::fail(MAIL, says, advice)
    } else if stats.oldest_waits > STUCK_AFTER || stats.given_up + stats.held > 0 {
        CheckResult::warn(MAIL, says, advice)
    } else {
        CheckResult::ok(MAIL, says)
    }
}

fn refused(stats: &QueueStats) -> Option<CheckResult> {
    (stats.refused > 0).then(|| {
        CheckResult::fail(
            MAIL,
            format!("the relay refuses {} because of the site's login, sender or reputation.", stats.refused),
            "sudo npoc mail list --state refused says why. The emails wait, and none loses a try. After the fix: sudo npoc mail \
             retry.",
        )
    })
}

fn bounced(stats: &QueueStats) -> Option<CheckResult> {
    let says = format!(
        "{} sent within 30 days were returned, {} of them to staff.",
        stats.bounced, stats.staff_bounced
    );
    let advice = "sudo npoc mail list --state bounced names the emails and reasons.";
    match stats {
        QueueStats { bounced: 0, .. } => None,
        QueueStats { staff_bounced: 0, .. } => Some(CheckResult::warn(MAIL, says, advice)),
        _ => {
            let advice = format!("Check NPOC_STAFF_EMAIL, and that this mailbox is not full. {advice}");
            Some(CheckResult::fail(MAIL, says, advice))
        }
    }
}

fn failing(relay: &RelayState) -> Option<CheckResult> {
    let Some(since) = relay.failing_since else {
        let says = format!(
            "the relay accepts {} connections at a time, and the site opens no more.",
            relay.connections
        );
        return (usize::try_from(relay.connections).unwrap_or_default() < MAX_CONNECTIONS)
            .then(|| CheckResult::ok(MAIL, says));
    };
    let why = relay.last_error.as_deref().unwrap_or("reason unknown");
    let says = format!("no email has gone out since {}: {}.", in_utc(since), single_line(why));
    let advice = "See the findings about the relay below. Emails wait, and none loses a try.";
    Some(CheckResult::fail(MAIL, says, advice))
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn clocks_that_differ_fail_in_either_direction() {
        for (seconds, verdict) in [
            (0, Verdict::Ok),
            (-3, Verdict::Ok),
            (60, Verdict::Fail),
            (-60, Verdict::Fail),
        ] {
            let now = OffsetDateTime::now_utc() + time::Duration::seconds(seconds);
            assert_eq!(clock(now).verdict, verdict, "{seconds}");
        }
    }
}
