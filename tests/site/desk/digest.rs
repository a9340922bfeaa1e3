//! The digest of what waits, and applications that nobody can decide.

use npoc::staff::Role;

use crate::support::desk::{Browser, done, refused_and_appealed};
use crate::support::{Mail, TestSite};

/// Runs housekeeping, and returns the digests that it sent, by recipient.
async fn digests(site: &TestSite) -> Vec<Mail> {
    for entry in digest_files(site) {
        std::fs::remove_file(entry).unwrap();
    }
    site.run_housekeeping(None).await;
    site.deliver_all().await;
    let emails = digest_files(site)
        .into_iter()
        .map(|path| Mail::read(&std::fs::read(path).unwrap()));
    let mut emails: Vec<Mail> = emails.collect();
    emails.sort_by_key(|mail| mail.header("To"));
    emails
}

fn digest_files(site: &TestSite) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(&site.folder).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("desk-digest."));
    named.map(|entry| entry.path()).collect()
}

#[tokio::test]
async fn digest_names_what_waits_for_its_reader() {
    let site = TestSite::new().await;
    site.add_staff("Rae", "rae@npoc.test", Role::Reader).await;
    site.add_staff("Rita", "rita@npoc.test", Role::Reviewer).await;
    assert_eq!(digests(&site).await.len(), 0, "nothing waits");
    let new = site.apply(&[]).await;
    let sent = digests(&site).await;
    assert_eq!(sent.len(), 1, "a reader can do nothing about it");
    assert_eq!(sent[0].header("To").unwrap(), "rita@npoc.test");
    assert_eq!(sent[0].subject, "What waits for you at the NPOC desk");
    assert!(sent[0].text.contains(&format!("New:\n\n  {new}\n")), "{}", sent[0].text);
    assert!(!sent[0].text.contains("Afya"), "no name of an organization");
    assert_eq!(digests(&site).await.len(), 0, "once a week");
    site.sql("UPDATE staff SET digest_on = digest_on - 7").await;
    assert_eq!(digests(&site).await.len(), 1);
    // A clock that was ahead stops no digest.
    site.sql("UPDATE staff SET digest_on = current_date + 400").await;
    assert_eq!(digests(&site).await.len(), 1);
}

#[tokio::test]
async fn member_chooses_how_often() {
    let site = TestSite::new().await;
    let rita = site.member("Rita", Role::Reviewer).await;
    site.apply(&[]).await;
    let choose = async |every| rita.post("/desk/me/digest", &[("digest", every)]).await;
    choose("none").await;
    assert_eq!(digests(&site).await.len(), 0);
    choose("daily").await;
    assert_eq!(rita.get("/desk/me").await.kept("digest"), ["daily"]);
    assert_eq!(digests(&site).await.len(), 1);
    assert_eq!(digests(&site).await.len(), 0);
    site.sql("UPDATE staff SET digest_on = digest_on - 1").await;
    assert_eq!(digests(&site).await.len(), 1);
    assert_eq!(choose("hourly").await.status, 422);
}

#[tokio::test]
async fn disabled_member_gets_no_digest() {
    let site = TestSite::new().await;
    site.add_staff("Ada", "ada@npoc.test", Role::Administrator).await;
    site.add_staff("Rita", "rita@npoc.test", Role::Reviewer).await;
    site.apply(&[]).await;
    assert!(site.command(&["staff", "disable", "rita@npoc.test"]).status.success());
    assert_eq!(digests(&site).await.len(), 1);
}

#[tokio::test]
async fn digest_hides_applications_with_a_conflict() {
    let site = TestSite::new().await;
    let reference = site
        .apply(&[
            ("representative_email", "rita@npoc.test"),
            ("domain_name", "kilimo.or.ke"),
        ])
        .await;
    site.add_staff("Rita", "rita@npoc.test", Role::Reviewer).await;
    site.add_staff("Rob", "rob@other.test", Role::Reviewer).await;
    // Those from before the desk wait for nobody.
    site.sql("UPDATE staff SET added_at = now() - interval '1 day'").await;
    let sent = digests(&site).await;
    assert_eq!(sent.len(), 1);
    assert!(sent[0].text.contains(&reference));
    assert_eq!(sent[0].header("To").unwrap(), "rob@other.test");
}

#[tokio::test]
async fn desk_digest_and_doctor_say_what_nobody_can_decide() {
    let site = TestSite::new().await;
    let dora = site.member("Dora", Role::Decider).await;
    let reference = refused_and_appealed(&site, &dora).await;
    let heading = "Nobody can decide these";
    assert!(dora.get("/desk").await.all("h2").iter().any(|shown| shown == heading));
    let sent = digests(&site).await;
    assert_eq!(sent[0].header("To").unwrap(), "dora@npoc.test");
    assert!(sent[0].text.contains("Nobody can decide these") && sent[0].text.contains(&reference));
    let url = crate::support::database::url(&site.pool.connect_options());
    let doctor = crate::support::process::run(&["doctor"], &[("DATABASE_URL", &url), ("NPOC_MAIL", "folder")]);
    let doctor = String::from_utf8(doctor.stdout).unwrap();
    assert!(doctor.contains("nobody can decide 1 application"), "{doctor}");
    // With another decider, it does not wait any more.
    let emil = site.member("Emil", Role::Decider).await;
    assert!(emil.get("/desk").await.all("h2").iter().all(|shown| shown != heading));
    // Until this one has a conflict.
    done(&emil, &reference, "conflict", &[]).await;
    assert!(dora.get("/desk").await.all("h2").iter().any(|shown| shown == heading));
    assert!(Browser::new(&site).sign_in("emil@npoc.test").await.is_signed_in().await);
}
