//! The code that is mailed to a mailbox at the domain.

use axum::http::StatusCode;
use npoc::staff::Role;

use super::{Application, World};
use crate::support::desk::done;

impl Application<'_> {
    /// Asks for a code and reads it from the email.
    async fn mailed_code(&self) -> String {
        assert_eq!(self.post("email", &[]).await.location(), self.page);
        self.world.site.deliver_all().await;
        let email = self.world.site.newest_email(&self.reference, "code-");
        let line = email.text.lines().map(str::trim).find(|line| is_code(line));
        line.unwrap().to_owned()
    }

    async fn type_code(&self, code: &str) -> StatusCode {
        self.post("code", &[("code", code)]).await.status
    }

    async fn shows_mailbox(&self) -> bool {
        self.open().await.body.contains("you showed that you have a mailbox")
    }
}

fn is_code(line: &str) -> bool {
    line.len() == 9
        && line
            .chars()
            .enumerate()
            .all(|(at, c)| if at == 4 { c == '-' } else { c.is_ascii_uppercase() })
}

#[tokio::test]
async fn mailed_code_shows_a_mailbox_and_proves_no_domain() {
    let world = World::new().await;
    let rita = world.site.member("Rita", Role::Reviewer).await;
    let application = world.apply(&[]).await;
    let code = application.mailed_code().await;
    let email = world.site.newest_email(&application.reference, "code-");
    assert_eq!(email.header("To").unwrap(), "wanjiku@afyabora.or.ke");
    assert!(
        !email.text.contains("http") && !email.html.contains("<a href=\"http"),
        "{}",
        email.text
    );
    assert!(!email.text.contains(&application.page));
    assert_eq!(
        application.type_code(&code.to_lowercase().replace('-', " ")).await,
        StatusCode::SEE_OTHER
    );
    assert!(application.shows_mailbox().await);
    assert!(!application.is_proved().await);
    let desk = application.at_desk(&rita).await.text_of("main");
    assert!(
        desk.contains("Not proved.") && desk.contains("a mailbox at the domain. Others may have one too."),
        "{desk}"
    );
    assert_eq!(application.type_code(&code).await, StatusCode::SEE_OTHER, "typed twice");
    assert!(world.names.questions().is_empty());
}

#[tokio::test]
async fn five_wrong_codes_end_the_right_one() {
    let world = World::new().await;
    let application = world.apply(&[]).await;
    let code = application.mailed_code().await;
    for wrong in ["BBBB-BBBB", "ZZZZ-ZZZZ", "x", "BBBBBBBBB", "ВВВВ-ВВВВ"] {
        let reply = application.post("code", &[("code", wrong)]).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(reply.body.contains("This code is wrong."), "{wrong}");
    }
    assert_eq!(
        application.type_code(" ").await,
        StatusCode::UNPROCESSABLE_ENTITY,
        "nothing costs no try"
    );
    let reply = application.post("code", &[("code", &code)]).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(reply.body.contains("This code is not valid any more."));
    assert!(!application.shows_mailbox().await);
    let new = application.mailed_code().await;
    assert_eq!(
        application.type_code(&code).await,
        StatusCode::UNPROCESSABLE_ENTITY,
        "only the newest counts"
    );
    assert_eq!(application.type_code(&new).await, StatusCode::SEE_OTHER);
    assert!(application.shows_mailbox().await);
}

#[tokio::test]
async fn code_counts_for_its_application_and_for_a_day() {
    let world = World::new().await;
    let (one, other) = (world.apply(&[]).await, world.apply(&[]).await);
    let (first, second) = (one.mailed_code().await, other.mailed_code().await);
    assert_eq!(other.type_code(&first).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(one.type_code(&second).await, StatusCode::UNPROCESSABLE_ENTITY);
    sqlx::query("UPDATE domain_proofs SET ends_at = now() WHERE way = 'mail'")
        .execute(&world.site.pool)
        .await
        .unwrap();
    assert_eq!(one.type_code(&first).await, StatusCode::UNPROCESSABLE_ENTITY);
    let stored: Vec<String> = sqlx::query_scalar("SELECT token FROM domain_proofs WHERE way = 'mail'")
        .fetch_all(&world.site.pool)
        .await
        .unwrap();
    assert!(
        stored.iter().all(|token| token.len() == 64),
        "only hashes are stored: {stored:?}"
    );
}

#[tokio::test]
async fn code_is_only_mailed_to_exactly_this_domain() {
    let world = World::new().await;
    for changes in [
        [("representative_email", "ann@gmail.com"), ("domain_name", "gmail.com")],
        [
            ("representative_email", "ann@gmail.com"),
            ("domain_name", "afyabora.or.ke"),
        ],
        [
            ("representative_email", "ann@mail.example.org"),
            ("domain_name", "example.org"),
        ],
        [
            ("representative_email", "ann@example.org"),
            ("domain_name", "health.example.org"),
        ],
        [
            ("representative_email", "ann@grupo.github.io"),
            ("domain_name", "grupo.github.io"),
        ],
    ] {
        let application = world.apply(&changes).await;
        assert!(!application.open().await.body.contains("domain/email"), "{changes:?}");
        assert_eq!(application.post("email", &[]).await.location(), application.page);
        assert_eq!(world.count("domain_proofs WHERE way = 'mail'").await, 0, "{changes:?}");
    }
    let idn = [
        ("representative_email", "ann@例え.テスト"),
        ("domain_name", "xn--r8jz45g.xn--zckzah"),
    ];
    assert!(world.apply(&idn).await.open().await.body.contains("domain/email"));
}

#[tokio::test]
async fn codes_count_among_the_links_of_the_page() {
    let world = World::new().await;
    let application = world.apply(&[]).await;
    for _ in 0..2 {
        assert_eq!(application.post("email", &[]).await.status, StatusCode::SEE_OTHER);
    }
    world.site.link_to_correct(&application.reference).await;
    let limited = application.post("email", &[]).await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(
        limited
            .body
            .contains("We can send no more emails about your application today")
    );
    let status = application.page.trim_end_matches("/domain");
    let link = world.site.post_raw(&format!("{status}/change"), "").await;
    assert_eq!(link.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn mailbox_of_a_former_representative_does_not_count() {
    let world = World::new().await;
    let dora = world.site.member("Dora", Role::Decider).await;
    let application = world.apply(&[]).await;
    let code = application.mailed_code().await;
    assert_eq!(application.type_code(&code).await, StatusCode::SEE_OTHER);
    done(
        &dora,
        &application.reference,
        "representative",
        &[("address", "new@afyabora.or.ke")],
    )
    .await;
    assert_eq!(world.count("domain_proofs WHERE way = 'mail'").await, 0);
}
