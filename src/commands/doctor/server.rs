//! The database server: whether it is what the site needs, and where `DATABASE_URL` names several, how they fit together.

use super::{DATABASE, Finding};
use crate::database::{HostAnswer, HostInspection, Inspection};

/// Connections that one site needs at least: one to store, one for all else, one for commands.
const FEWEST: i32 = 3;

/// A standby may be so far behind while it replays something long.
const FAR_BEHIND: f64 = 60.0;

/// One server.
pub(super) fn server(found: &Inspection, connections: u32) -> Vec<Finding> {
    let mut findings = vec![kind(found)];
    findings.extend(not_durable(found));
    findings.extend(collation(found));
    findings.extend(limit(found, connections));
    findings
}

fn kind(found: &Inspection) -> Finding {
    let says = |what: &str| format!("PostgreSQL {} answers{what}.", found.version);
    if !found.is_supported {
        Finding::bad(DATABASE, says(" and is too old"), "Version 14 or later is needed.")
    } else if found.encoding != "UTF8" {
        let advice = "Make it again: createdb --encoding=UTF8 --template=template0 --owner=npoc npoc";
        let what = format!(", but this database keeps text in {} and not in UTF-8", found.encoding);
        Finding::bad(DATABASE, says(&what), advice)
    } else if found.is_standby {
        Finding::bad(
            DATABASE,
            says(", but it is a standby, which only reads"),
            "Set DATABASE_URL to the primary, or name all servers there: postgres://npoc@a,b/npoc.",
        )
    } else if found.is_read_only {
        let advice = "Look at default_transaction_read_only there; some providers set it when a disk is full.";
        Finding::bad(DATABASE, says(", but takes no changes"), advice)
    } else if !found.may_store {
        let advice = "Make the user of DATABASE_URL the owner of the tables: REASSIGN OWNED BY … TO npoc";
        Finding::bad(DATABASE, says(", but its user may store nothing there"), advice)
    } else if !found.may_create {
        let advice = "Make its user the owner: ALTER DATABASE npoc OWNER TO npoc";
        Finding::bad(DATABASE, says(", but its user may make no tables there"), advice)
    } else {
        Finding::good(DATABASE, says(""))
    }
}

/// The site itself commits synchronously, whatever is set for it.
fn not_durable(found: &Inspection) -> Option<Finding> {
    (!found.not_durable.is_empty()).then(|| {
        let names: Vec<&str> = found.not_durable.iter().filter_map(|set| set.split('=').next()).collect();
        Finding::bad(
            DATABASE,
            format!("a crash may cost what it said was stored: {}.", found.not_durable.join(", ")),
            format!(
                "As the database's administrator: ALTER SYSTEM RESET {}; then SELECT pg_reload_conf(). A role or a database may \
                 have it too: ALTER ROLE npoc RESET synchronous_commit.",
                names.join("; ALTER SYSTEM RESET ")
            ),
        )
    })
}

fn collation(found: &Inspection) -> Option<Finding> {
    found.collation_changed.then(|| {
        Finding::bad(
            DATABASE,
            "this system sorts text in another way than the one the database was made on, so indexes may miss rows.",
            "Stop the site, and as the database's administrator: REINDEX DATABASE npoc; then ALTER DATABASE npoc REFRESH \
             COLLATION VERSION.",
        )
    })
}

/// What to do where the server has few connections for the site.
pub(super) const FEW_CONNECTIONS: &str = "Raise it: ALTER ROLE npoc CONNECTION LIMIT -1 (or ALTER DATABASE npoc CONNECTION LIMIT \
    -1). Or set NPOC_DATABASE_CONNECTIONS, to the share of each instance where there are several.";

fn limit(found: &Inspection, connections: u32) -> Option<Finding> {
    let limit = found.connection_limit?;
    let says = format!("its user may have {limit} connections, and the site takes up to {connections}.");
    if limit < FEWEST {
        return Some(Finding::bad(DATABASE, says, FEW_CONNECTIONS));
    }
    let is_little = u32::try_from(limit).is_ok_and(|limit| limit < connections);
    is_little.then(|| Finding::doubtful(DATABASE, says, FEW_CONNECTIONS))
}

/// Several servers.
pub(super) fn hosts(found: &[HostInspection]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = found.iter().map(host).collect();
    let answers: Vec<&HostAnswer> = found.iter().filter_map(|host| host.answer.as_ref().ok()).collect();
    findings.extend(primaries(&answers));
    findings.extend(differences(&answers));
    findings
}

fn host(found: &HostInspection) -> Finding {
    let name = &found.name;
    let answer = match &found.answer {
        Ok(answer) => answer,
        Err(why) => {
            let advice = "Look whether PostgreSQL runs there, and whether it lets this machine in (pg_hba.conf).";
            return Finding::doubtful(DATABASE, format!("{name} cannot be asked: {why}."), advice);
        }
    };
    match (answer.is_read_only, answer.timeline, answer.behind) {
        (true, _, Some(behind)) if behind > FAR_BEHIND => Finding::doubtful(
            DATABASE,
            format!("{name} is a standby and {behind:.0} seconds behind."),
            "Look at its log, and at the network between the servers.",
        ),
        (true, _, Some(behind)) => Finding::good(DATABASE, format!("{name} is a standby, {behind:.0} seconds behind.")),
        (true, ..) => Finding::good(DATABASE, format!("{name} only reads.")),
        (false, Some(timeline), _) => Finding::good(DATABASE, format!("{name} takes writes, on timeline {timeline}.")),
        (false, None, _) => Finding::good(DATABASE, format!("{name} takes writes.")),
    }
}

fn primaries(answers: &[&HostAnswer]) -> Vec<Finding> {
    let primaries: Vec<_> = answers.iter().filter(|answer| !answer.is_read_only).collect();
    match primaries.as_slice() {
        [] => vec![Finding::bad(
            DATABASE,
            "none of these servers takes writes, so no application can be stored.",
            "Promote one (SELECT pg_promote()), or look at what decides that (patronictl list).",
        )],
        [primary] => vec![standbys(primary)],
        _ => vec![Finding::bad(
            DATABASE,
            "several of these servers take writes. The site uses the one with the newest timeline.",
            "Stop the others, and make them standbys again (pg_rewind). Applications may be on a server that is not in use.",
        )],
    }
}

fn standbys(primary: &HostAnswer) -> Finding {
    if primary.synchronous.is_empty() {
        return Finding::doubtful(
            DATABASE,
            "a commit waits for no standby, so a failover may lose the last applications.",
            "Set synchronous_standby_names, or synchronous_mode in Patroni, unless that is meant.",
        );
    }
    match primary.synchronous_standbys {
        Some(0) => Finding::bad(
            DATABASE,
            format!(
                "a commit waits for a standby ({}) and none is there, so no application can be stored.",
                primary.synchronous
            ),
            "Start the standby, or take it out of synchronous_standby_names.",
        ),
        Some(_) => Finding::good(DATABASE, "a synchronous standby is there."),
        None => Finding::doubtful(
            DATABASE,
            "whether a synchronous standby is there cannot be seen.",
            "Let the site's user see it: GRANT pg_monitor TO npoc.",
        ),
    }
}

fn differences(answers: &[&HostAnswer]) -> Vec<Finding> {
    let differ = |fact: fn(&HostAnswer) -> String| answers.windows(2).any(|two| fact(two[0]) != fact(two[1]));
    let mut findings = Vec::new();
    if differ(|answer| answer.cluster.to_string()) {
        findings.push(Finding::bad(
            DATABASE,
            "these servers are no copies of one another.",
            "DATABASE_URL may only name a primary and its standbys.",
        ));
    }
    if differ(|answer| answer.version.clone()) {
        findings.push(Finding::doubtful(
            DATABASE,
            "these servers run different versions of PostgreSQL.",
            "Bring all to the newest minor version, the standbys first.",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::super::Verdict;
    use super::*;

    fn usual() -> Inspection {
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

    /// The worst that is found of a server that lacks something.
    fn found(lacking: impl Fn(&mut Inspection)) -> (Verdict, String) {
        let mut inspection = usual();
        lacking(&mut inspection);
        worst(server(&inspection, 18))
    }

    fn worst(findings: Vec<Finding>) -> (Verdict, String) {
        let weight = |finding: &Finding| match finding.verdict {
            Verdict::Good => 0,
            Verdict::Doubtful => 1,
            Verdict::Bad => 2,
        };
        let worst = findings.into_iter().max_by_key(weight).unwrap();
        (
            worst.verdict,
            format!("{} {}", worst.says, worst.advice.unwrap_or_default()),
        )
    }

    #[test]
    fn a_server_is_good_that_has_all_we_need_and_bad_that_lacks_any_of_it() {
        assert_eq!(found(|_| ()).0, Verdict::Good);
        for ((verdict, whole), words) in [
            (found(|server| server.is_supported = false), "14"),
            (found(|server| server.encoding = "LATIN1".into()), "UTF-8"),
            (found(|server| server.is_standby = true), "standby"),
            (found(|server| server.is_read_only = true), "no changes"),
            (found(|server| server.may_create = false), "no tables"),
            (found(|server| server.may_store = false), "store nothing"),
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
            assert!(verdict == Verdict::Bad && whole.contains(words), "{whole}");
        }
        assert_eq!(found(|server| server.connection_limit = Some(10)).0, Verdict::Doubtful);
        assert_eq!(found(|server| server.connection_limit = Some(18)).0, Verdict::Good);
    }

    fn primary() -> HostAnswer {
        HostAnswer {
            version: "15.14".into(),
            cluster: 7,
            is_read_only: false,
            timeline: Some(2),
            behind: None,
            synchronous: "b".into(),
            synchronous_standbys: Some(1),
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

    fn of_hosts(answers: Vec<Result<HostAnswer, String>>) -> (Verdict, String) {
        let name = String::from("a:5432");
        let hosts = answers.into_iter().map(|answer| HostInspection {
            name: name.clone(),
            answer,
        });
        worst(super::hosts(&hosts.collect::<Vec<_>>()))
    }

    #[test]
    fn a_primary_and_its_synchronous_standby_are_good() {
        assert_eq!(of_hosts(vec![Ok(primary()), Ok(standby())]).0, Verdict::Good);
    }

    #[test]
    fn what_is_wrong_between_servers_is_said() {
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
            synchronous_standbys: Some(0),
            ..primary()
        };
        let hidden = HostAnswer {
            synchronous_standbys: None,
            ..primary()
        };
        for (answers, verdict, words) in [
            (
                vec![Ok(standby()), Ok(standby())],
                Verdict::Bad,
                "none of these servers takes writes",
            ),
            (
                vec![Ok(primary()), Ok(primary())],
                Verdict::Bad,
                "several of these servers take writes",
            ),
            (vec![Ok(primary()), Err("refused".into())], Verdict::Doubtful, "refused"),
            (vec![Ok(primary()), Ok(far)], Verdict::Doubtful, "61 seconds"),
            (vec![Ok(primary()), Ok(other)], Verdict::Bad, "no copies"),
            (vec![Ok(primary()), Ok(newer)], Verdict::Doubtful, "different versions"),
            (
                vec![Ok(alone), Ok(standby())],
                Verdict::Doubtful,
                "waits for no standby",
            ),
            (vec![Ok(waits), Ok(standby())], Verdict::Bad, "none is there"),
            (vec![Ok(hidden), Ok(standby())], Verdict::Doubtful, "pg_monitor"),
        ] {
            let (found, whole) = of_hosts(answers);
            assert!(found == verdict && whole.contains(words), "{found:?} {whole}");
        }
    }
}
