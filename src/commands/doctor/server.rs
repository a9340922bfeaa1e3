//! Checks the database servers: one by itself, and several in `DATABASE_URL` against each other.

use super::{CheckResult, DATABASE};
use crate::database::{HostAnswer, HostInspection, Inspection, Standbys};

/// The connections that a site needs at least: one to store, one for other work, one for commands.
const MIN_CONNECTIONS: i32 = 3;

/// The lag of a standby, in seconds, that may come from one long replay.
const MAX_LAG: f64 = 60.0;

/// Checks one server.
pub(super) fn check(found: &Inspection, connections: u32) -> Vec<CheckResult> {
    let mut findings = vec![suitability(found)];
    findings.extend(not_durable(found));
    findings.extend(collation(found));
    findings.extend(limit(found, connections));
    findings
}

fn suitability(found: &Inspection) -> CheckResult {
    let says = |what: &str| format!("PostgreSQL {} answers{what}.", found.version);
    if !found.is_supported {
        CheckResult::fail(DATABASE, says(" and is too old"), "The site needs version 14 or later.")
    } else if found.encoding != "UTF8" {
        let advice = "Create it again: createdb --encoding=UTF8 --template=template0 --owner=npoc npoc";
        let what = format!(", but this database stores text in {} instead of UTF-8", found.encoding);
        CheckResult::fail(DATABASE, says(&what), advice)
    } else if found.is_standby {
        let advice = "Name the primary in DATABASE_URL, or all servers: postgres://npoc@a,b/npoc.";
        CheckResult::fail(DATABASE, says(", but it is a read-only standby"), advice)
    } else if found.is_read_only {
        let advice = "Check default_transaction_read_only there. Some providers set it when a disk is full.";
        CheckResult::fail(DATABASE, says(", but is read-only"), advice)
    } else if !found.may_store {
        let advice = "Make the user of DATABASE_URL the owner of the tables: REASSIGN OWNED BY … TO npoc.";
        CheckResult::fail(DATABASE, says(", but its user may not write to the tables"), advice)
    } else if !found.may_create {
        let advice = "Make its user the owner: ALTER DATABASE npoc OWNER TO npoc.";
        CheckResult::fail(DATABASE, says(", but its user may not create tables"), advice)
    } else {
        CheckResult::ok(DATABASE, says(""))
    }
}

/// Checks the settings by which a crash loses data. The site itself always commits synchronously.
fn not_durable(found: &Inspection) -> Option<CheckResult> {
    (!found.not_durable.is_empty()).then(|| {
        let names: Vec<&str> = found.not_durable.iter().filter_map(|set| set.split('=').next()).collect();
        CheckResult::fail(
            DATABASE,
            format!("a crash may lose stored applications: {}.", found.not_durable.join(", ")),
            format!(
                "As the database's administrator: ALTER SYSTEM RESET {}; then SELECT pg_reload_conf(). A role or a database may \
                 also override it: ALTER ROLE npoc RESET synchronous_commit.",
                names.join("; ALTER SYSTEM RESET ")
            ),
        )
    })
}

fn collation(found: &Inspection) -> Option<CheckResult> {
    found.collation_changed.then(|| {
        CheckResult::fail(
            DATABASE,
            "this system sorts text differently from the one that created the database, so indexes may miss rows.",
            "Stop the site, and as the database's administrator: REINDEX DATABASE npoc; then ALTER DATABASE npoc REFRESH \
             COLLATION VERSION.",
        )
    })
}

/// The advice for a limit that leaves the site too few connections.
pub(super) const FEW_CONNECTIONS: &str = "Raise the limit: ALTER ROLE npoc CONNECTION LIMIT -1 (or ALTER DATABASE npoc CONNECTION LIMIT \
    -1). Or lower NPOC_DATABASE_CONNECTIONS, so that all instances together stay below it.";

fn limit(found: &Inspection, connections: u32) -> Option<CheckResult> {
    let limit = found.connection_limit?;
    let says = format!("its user may have {limit} connections, and the site uses up to {connections}.");
    if limit < MIN_CONNECTIONS {
        return Some(CheckResult::fail(DATABASE, says, FEW_CONNECTIONS));
    }
    let is_little = u32::try_from(limit).is_ok_and(|limit| limit < connections);
    is_little.then(|| CheckResult::warn(DATABASE, says, FEW_CONNECTIONS))
}

/// Checks several servers.
pub(super) fn check_hosts(found: &[HostInspection]) -> Vec<CheckResult> {
    let mut findings: Vec<CheckResult> = found.iter().map(host).collect();
    let answers: Vec<&HostAnswer> = found.iter().filter_map(|host| host.answer.as_ref().ok()).collect();
    findings.extend(primaries(&answers));
    findings.extend(differences(&answers));
    findings
}

fn host(found: &HostInspection) -> CheckResult {
    let name = &found.name;
    let answer = match &found.answer {
        Ok(answer) => answer,
        Err(why) => {
            let advice = "Check that PostgreSQL runs there, and that pg_hba.conf allows this machine.";
            return CheckResult::warn(DATABASE, format!("{name} does not answer: {why}."), advice);
        }
    };
    match (answer.is_read_only, answer.timeline, answer.behind) {
        (true, _, Some(behind)) if behind > MAX_LAG => CheckResult::warn(
            DATABASE,
            format!("{name} is a standby and {behind:.0} seconds behind."),
            "Check its log and the network between the servers.",
        ),
        (true, _, Some(behind)) => {
            CheckResult::ok(DATABASE, format!("{name} is a standby, {behind:.0} seconds behind."))
        }
        (true, ..) => CheckResult::ok(DATABASE, format!("{name} is read-only.")),
        (false, Some(timeline), _) => {
            CheckResult::ok(DATABASE, format!("{name} accepts writes, on timeline {timeline}."))
        }
        (false, None, _) => CheckResult::ok(DATABASE, format!("{name} accepts writes.")),
    }
}

fn primaries(answers: &[&HostAnswer]) -> Vec<CheckResult> {
    let primaries: Vec<_> = answers.iter().filter(|answer| !answer.is_read_only).collect();
    match primaries.as_slice() {
        [] => vec![CheckResult::fail(
            DATABASE,
            "no server accepts writes, so no application can be stored.",
            "With Patroni: patronictl list, and deploy/cluster/README.md. Without a cluster manager: make sure that the old primary is off, \
             then SELECT pg_promote() on the newest standby.",
        )],
        [primary] => vec![standbys(primary)],
        _ => vec![CheckResult::fail(
            DATABASE,
            "several servers accept writes. The site uses the one with the newest timeline.",
            "Stop the others, and make them standbys again (pg_rewind). They may hold applications that the primary lacks.",
        )],
    }
}

fn standbys(primary: &HostAnswer) -> CheckResult {
    if primary.synchronous.is_empty() {
        return CheckResult::warn(
            DATABASE,
            "a commit waits for no standby, so a failover may lose the last applications.",
            "Set synchronous_standby_names, or synchronous_mode in Patroni, unless this is intended.",
        );
    }
    match primary.standbys {
        Some(Standbys { synchronous: 0, .. }) => CheckResult::fail(
            DATABASE,
            format!(
                "a commit waits for a standby ({}) and none is connected, so no application can be stored.",
                primary.synchronous
            ),
            "Start the standby. Without Patroni, which changes it by itself: remove the standby from synchronous_standby_names.",
        ),
        Some(_) => CheckResult::ok(DATABASE, "a synchronous standby is connected."),
        None => CheckResult::warn(
            DATABASE,
            "the site's user cannot see whether a synchronous standby is connected.",
            "Allow it: GRANT pg_monitor TO npoc.",
        ),
    }
}

fn differences(answers: &[&HostAnswer]) -> Vec<CheckResult> {
    let differ = |fact: fn(&HostAnswer) -> String| answers.windows(2).any(|two| fact(two[0]) != fact(two[1]));
    let mut findings = Vec::new();
    if differ(|answer| answer.cluster.to_string()) {
        findings.push(CheckResult::fail(
            DATABASE,
            "these servers are not copies of one another.",
            "Name only a primary and its standbys in DATABASE_URL.",
        ));
    }
    if differ(|answer| answer.version.clone()) {
        findings.push(CheckResult::warn(
            DATABASE,
            "these servers run different versions of PostgreSQL.",
            "Update all to the newest minor version, the standbys first.",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::super::Verdict;
    use super::*;

    fn suitable() -> Inspection {
        Inspection {
            version: "15.14".into(),
            is_supported: true,
            encoding: "UTF8".into(),
            is_standby: false,
            is_read_only: false,
            may_create: true,
            may_store: true,
            now: OffsetDateTime::now_utc(),
            not_durable: Vec::new(),
            collation_changed: false,
            connection_limit: None,
        }
    }

    /// Returns the worst finding about a changed server.
    fn found(change: impl Fn(&mut Inspection)) -> (Verdict, String) {
        let mut inspection = suitable();
        change(&mut inspection);
        worst(check(&inspection, 18))
    }

    fn worst(findings: Vec<CheckResult>) -> (Verdict, String) {
        let worst = findings.into_iter().max_by_key(|finding| finding.verdict).unwrap();
        (
            worst.verdict,
            format!("{} {}", worst.says, worst.advice.unwrap_or_default()),
        )
    }

    #[test]
    fn a_server_that_lacks_a_requirement_fails() {
        assert_eq!(found(|_| ()).0, Verdict::Ok);
        for ((verdict, whole), words) in [
            (found(|server| server.is_supported = false), "14"),
            (found(|server| server.encoding = "LATIN1".into()), "UTF-8"),
            (found(|server| server.is_standby = true), "standby"),
            (found(|server| server.is_read_only = true), "is read-only"),
            (found(|server| server.may_create = false), "not create tables"),
            (found(|server| server.may_store = false), "not write"),
            (
                found(|server| server.not_durable = vec!["fsync=off".into()]),
                "RESET fsync;",
            ),
            (
                found(|server| server.collation_changed = true),
                "REFRESH COLLATION VERSION",
            ),
            (found(|server| server.connection_limit = Some(2)), "CONNECTION LIMIT"),
        ] {
            assert!(verdict == Verdict::Fail && whole.contains(words), "{whole}");
        }
        assert_eq!(found(|server| server.connection_limit = Some(10)).0, Verdict::Warn);
        assert_eq!(found(|server| server.connection_limit = Some(18)).0, Verdict::Ok);
    }

    fn primary() -> HostAnswer {
        HostAnswer {
            version: "15.14".into(),
            cluster: 7,
            is_read_only: false,
            timeline: Some(2),
            behind: None,
            synchronous: "b".into(),
            standbys: Some(streaming(1)),
        }
    }

    fn streaming(synchronous: i64) -> Standbys {
        Standbys {
            synchronous,
            asynchronous: 1,
        }
    }

    fn standby() -> HostAnswer {
        HostAnswer {
            is_read_only: true,
            timeline: None,
            behind: Some(0.0),
            ..primary()
        }
    }

    fn found_among(answers: Vec<Result<HostAnswer, String>>) -> (Verdict, String) {
        let name = String::from("a:5432");
        let hosts = answers.into_iter().map(|answer| HostInspection {
            name: name.clone(),
            answer,
        });
        worst(super::check_hosts(&hosts.collect::<Vec<_>>()))
    }

    #[test]
    fn a_primary_with_a_synchronous_standby_is_ok() {
        assert_eq!(found_among(vec![Ok(primary()), Ok(standby())]).0, Verdict::Ok);
    }

    #[test]
    fn faults_between_servers_are_found() {
        let far = HostAnswer {
            behind: Some(61.0),
            ..standby()
        };
        let other = HostAnswer {
            cluster: 8,
            ..standby()
        };
        let newer = HostAnswer {
            version: "15.15".into(),
            ..standby()
        };
        let alone = HostAnswer {
            synchronous: String::new(),
            ..primary()
        };
        let waits = HostAnswer {
            standbys: Some(streaming(0)),
            ..primary()
        };
        let hidden = HostAnswer {
            standbys: None,
            ..primary()
        };
        for (answers, verdict, words) in [
            (
                vec![Ok(standby()), Ok(standby())],
                Verdict::Fail,
                "no server accepts writes",
            ),
            (
                vec![Ok(primary()), Ok(primary())],
                Verdict::Fail,
                "several servers accept writes",
            ),
            (vec![Ok(primary()), Err("refused".into())], Verdict::Warn, "refused"),
            (vec![Ok(primary()), Ok(far)], Verdict::Warn, "61 seconds"),
            (vec![Ok(primary()), Ok(other)], Verdict::Fail, "not copies"),
            (vec![Ok(primary()), Ok(newer)], Verdict::Warn, "different versions"),
            (vec![Ok(alone), Ok(standby())], Verdict::Warn, "waits for no standby"),
            (vec![Ok(waits), Ok(standby())], Verdict::Fail, "none is connected"),
            (vec![Ok(hidden), Ok(standby())], Verdict::Warn, "pg_monitor"),
        ] {
            let (found, whole) = found_among(answers);
            assert!(found == verdict && whole.contains(words), "{found:?} {whole}");
        }
    }
}
