//! The representative: the address bounces, changes, or belongs to somebody who leaves.

use axum::http::StatusCode;
use npoc::staff::Role;
use uuid::Uuid;

use super::corrections::{ask, column, correct};
use super::sign_in::number;
use crate::support::desk::{Browser, act, done};
use crate::support::{TestSite, encode, good_with};

#[tokio::test]
async fn link_goes_to_the_alternate_if_the_representative_bounces() {
    let site = TestSite::new().await;
    let alternate = [
        ("alternate_name", "Otieno"),
        ("alternate_email", "otieno@afyabora.or.ke"),
    ];
    let reference = site.apply(&alternate).await;
    site.deliver_all().await;
    site.sql("UPDATE outbox SET bounced_at = now() WHERE purpose = 'arrival'")
        .await;
    let link = site.link_to_correct(&reference).await;
    let mail = site.newest_email(&reference, "change-");
    assert_eq!(mail.header("To").unwrap(), "otieno@afyabora.or.ke");
    // The alternate repairs the address, and the new one gets the link to the page.
    let changes = [&alternate[..], &[("representative_email", "new@afyabora.or.ke")]].concat();
    assert_eq!(correct(&site, &link, &changes).await.status, StatusCode::SEE_OTHER);
    let over = site.get(&link).await;
    assert!(
        over.attributes("main a", "href").is_empty(),
        "the new secret is for the new address"
    );
    let page = site.get(&site.status_path(&reference).await).await;
    assert!(
        page.all(".notice--warning").is_empty(),
        "nothing to the new address bounced"
    );
    // If both bounce, only people can help.
    let other = site
        .apply(&[("domain_name", "other.org"), ("representative_email", "a@other.org")])
        .await;
    site.deliver_all().await;
    site.sql("UPDATE outbox SET bounced_at = now() WHERE recipient = 'a@other.org'")
        .await;
    let asked = ask(&site, &other).await;
    assert_eq!(
        (asked.status, asked.text_of("h1").as_str()),
        (StatusCode::CONFLICT, "Our emails come back")
    );
}

#[tokio::test]
async fn new_representative_gets_a_new_secret_and_the_old_one_is_told() {
    let site = TestSite::new().await;
    let key = Uuid::now_v7();
    let sent = site.send(&[], key).await;
    let old = sent.location().to_owned();
    let reference = site.get(&old).await.text_of(".reference");
    let outstanding = site.link_to_correct(&reference).await;
    let used = site.link_to_correct(&reference).await;
    let changes = [("representative_email", "new@afyabora.or.ke")];
    assert_eq!(correct(&site, &used, &changes).await.location(), used);
    let new = site.status_path(&reference).await;
    assert_ne!(new, old);
    assert_eq!(site.get(&old).await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.get(&new).await.status, StatusCode::OK);
    assert!(
        !site.get(&used).await.body.contains(&new),
        "the old representative learns no new secret"
    );
    assert_eq!(site.get(&outstanding).await.status, StatusCode::NOT_FOUND);
    let moved = site.get(&old).await;
    assert_eq!(moved.text_of("h1"), "This page has a new address");
    assert!(!moved.body.contains(&reference) && !moved.body.contains(&new));
    // A text that was typed on the old page comes back.
    let typed = site
        .post_raw(
            &format!("{old}/answer"),
            "version=1&language=en&text=Our+statutes+say+so.",
        )
        .await;
    assert_eq!(typed.text_of("blockquote"), "Our statutes say so.");
    // Nor by sending the form again.
    assert_eq!(site.send(&[], key).await.location(), old);
    site.deliver_all().await;
    let told = site.update(&reference, 2, "applicant").unwrap();
    assert_eq!(told.header("To").unwrap(), "new@afyabora.or.ke");
    assert!(told.text.contains(&new));
    let former = site.update(&reference, 2, "former.applicant").unwrap();
    assert!(
        former.text.contains("writes to the new address") && !former.text.contains("new@"),
        "{}",
        former.text
    );
    assert!(!former.text.contains(&new));
}

#[tokio::test]
async fn decider_changes_the_address_of_the_representative() {
    let site = TestSite::new().await;
    let dora = site.member("Dora", Role::Decider).await;
    let rita = site.member("Rita", Role::Reviewer).await;
    let reference = site.apply(&[]).await;
    let old = site.status_path(&reference).await;
    let to = [("address", "new@afyabora.or.ke")];
    assert_eq!(
        act(&rita, &reference, "representative", &to).await.status,
        StatusCode::FORBIDDEN
    );
    for wrong in ["", "new", "wanjiku@afyabora.or.ke"] {
        let refused = act(&dora, &reference, "representative", &[("address", wrong)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    let preview = [to[0], ("step", "preview")];
    let preview = act(&dora, &reference, "representative", &preview).await;
    assert!(
        preview
            .text_of(".letter h2")
            .starts_with("The representative’s address"),
        "{}",
        preview.body
    );
    done(&dora, &reference, "representative", &to).await;
    assert_eq!(
        column(&site, "representative_email", &reference).await,
        "new@afyabora.or.ke"
    );
    assert_eq!(site.get(&old).await.status, StatusCode::NOT_FOUND);
    // A reviewer sends the link again.
    done(&rita, &reference, "send-link", &[]).await;
    site.deliver_all().await;
    let mail = site.newest_email(&reference, "link-");
    assert_eq!(mail.header("To").unwrap(), "new@afyabora.or.ke");
    assert!(mail.text.contains(&site.status_path(&reference).await));
    let logged = "SELECT count(*) FROM desk_log WHERE action = 'send-link' AND outcome = 'done'";
    assert_eq!(number(&site, logged).await, 1);
}

#[tokio::test]
async fn new_address_is_checked_before_it_gets_the_secret() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let link = site.link_to_correct(&reference).await;
    let typed = good_with(&[("representative_email", "wanjiku@afyabora.or.kee")]);
    let post = async |checked: &str| {
        let hidden = [("version", "1"), ("checked_address", checked)];
        site.post_raw(&link, encode(&[&typed[..], &hidden].concat())).await
    };
    for unchecked in ["", "wanjiku@afyabora.or.ke"] {
        let asked = post(unchecked).await;
        assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(asked.text_of(".notice").contains("wanjiku@afyabora.or.kee"));
        asked.assert_keeps(&typed);
        let hidden = asked.attributes("input[name=checked_address]", "value");
        assert_eq!(hidden, ["wanjiku@afyabora.or.kee"]);
    }
    assert_eq!(post("wanjiku@afyabora.or.kee").await.location(), link);
}

#[tokio::test]
async fn link_to_somebody_who_is_no_longer_named_ends() {
    let site = TestSite::new().await;
    let alternate = [
        ("alternate_name", "Otieno"),
        ("alternate_email", "otieno@afyabora.or.ke"),
    ];
    let reference = site.apply(&alternate).await;
    site.deliver_all().await;
    // The server of the representative refuses email for good.
    site.sql("UPDATE outbox SET sent_at = NULL, given_up_at = now(), blame = 'recipient' WHERE purpose = 'arrival'")
        .await;
    let (first, second) = (
        site.link_to_correct(&reference).await,
        site.link_to_correct(&reference).await,
    );
    correct(&site, &first, &[]).await;
    assert_eq!(site.get(&second).await.status, StatusCode::NOT_FOUND);
    let late = good_with(&[("organization_name", "Kilimo Mpya Trust")]);
    let late = site
        .post_raw(&second, encode(&[&late[..], &[("version", "2")]].concat()))
        .await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert_eq!(column(&site, "version", &reference).await, "2");
}

#[tokio::test]
async fn conflict_that_was_taken_back_returns_with_another_address() {
    let site = TestSite::new().await;
    let dora = site.member("Dora", Role::Decider).await;
    site.add_staff("Rita", "rita@afyabora.or.ke", Role::Reviewer).await;
    let rita = Browser::new(&site).sign_in("rita@afyabora.or.ke").await;
    let reference = site.apply(&[]).await;
    let id: i64 = number(&site, "SELECT id FROM staff WHERE name = 'Rita'").await;
    done(&dora, &reference, "conflict", &[("take_back", &id.to_string())]).await;
    let page = format!("/desk/applications/{reference}");
    assert!(rita.get(&page).await.body.contains("Afya Bora"));
    let link = site.link_to_correct(&reference).await;
    correct(&site, &link, &[("representative_email", "rita@afyabora.or.ke")]).await;
    assert!(!rita.get(&page).await.body.contains("Afya Bora"));
}
