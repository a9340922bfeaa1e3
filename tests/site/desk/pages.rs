//! The pages of the desk: lists, one application, previews and refused forms.

use axum::http::StatusCode;
use npoc::staff::Role;

use crate::support::TestSite;
use crate::support::desk::{Browser, REASON, act, done, path, state};

#[tokio::test]
async fn every_member_reads_and_no_address_is_made_up() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let reader = site.member("Rae", Role::Reader).await;
    for page in [
        "/desk",
        "/desk/applications",
        &format!("/desk/applications/{reference}"),
    ] {
        assert_eq!(reader.get(page).await.status, StatusCode::OK, "{page}");
    }
    assert_eq!(
        reader.get("/desk/applications/NPOC-AAAA-AAAA").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        reader.get(&path(&reference, "ask")).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(
        reader.post(&path(&reference, "erase"), &[]).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn preview_shows_the_email_in_both_languages_and_sends_nothing() {
    let site = TestSite::new().await;
    let sent = site
        .post_raw("/ar/membership", crate::support::send_body(uuid::Uuid::now_v7()))
        .await;
    let reference = site.get(sent.location()).await.text_of(".reference");
    let dora = site.member("Dora", Role::Decider).await;
    let question = "Who pays for your work? <b>";
    let ask = [("question", question), ("until", "2099-01-01"), ("step", "preview")];
    let refused = act(&dora, &reference, "ask", &ask).await;
    assert!(
        refused
            .text_of(".problem")
            .starts_with("Error: Choose a day from today to ")
    );
    assert_eq!(refused.kept("question"), [question]);
    let preview = act(&dora, &reference, "ask", &[("question", question), ("step", "preview")]).await;
    assert_eq!(preview.status, StatusCode::OK);
    assert_eq!(preview.attributes(".letter", "lang"), ["ar", "en"]);
    assert_eq!(preview.all(".letter blockquote"), [question, question]);
    assert_eq!(preview.all("main button"), ["Send to the applicant", "Change"]);
    assert!(
        preview
            .text_of(".notice")
            .contains("Anybody who has the address of the status page")
    );
    assert_eq!(state(&site, &reference).await.0, "received");
    let edit = dora
        .post(
            &path(&reference, "ask"),
            &[("version", "1"), ("question", question), ("step", "edit")],
        )
        .await;
    assert_eq!(
        (edit.status, edit.kept("question")),
        (StatusCode::OK, vec![question.to_owned()])
    );
    // The button of the preview sends what was typed.
    let hidden = |name: &str| preview.attributes(&format!("input[name={name}]"), "value")[0].clone();
    let (version, question) = (hidden("version"), hidden("question"));
    let fields = [("version", version.as_str()), ("question", &question), ("until", "")];
    assert_eq!(
        dora.post(&path(&reference, "ask"), &fields).await.status,
        StatusCode::SEE_OTHER
    );
    site.deliver_all().await;
    let mail = site.update(&reference, 2, "applicant").unwrap();
    assert_eq!(mail.header("Content-Language").as_deref(), Some("ar"));
    assert!(mail.text.contains("    Who pays for your work? <b>"));
    assert!(mail.html.contains("Who pays for your work? &#60;b&#62;"));
}

#[tokio::test]
async fn text_comes_back_from_the_preview_if_the_application_changed() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let dora = site.member("Dora", Role::Decider).await;
    done(&dora, &reference, "dismiss", &[("as", "spam")]).await;
    let typed = [
        ("version", "1"),
        ("question", "Who pays for your work?"),
        ("step", "edit"),
    ];
    let edit = dora.post(&path(&reference, "ask"), &typed).await;
    assert_eq!(edit.text_of(".summary blockquote"), "Who pays for your work?");
    assert!(edit.text_of(".summary p").starts_with("The application changed since"));
}

#[tokio::test]
async fn wrong_forms_get_a_sentence_and_keep_the_text() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let dora = site.member("Dora", Role::Decider).await;
    done(&dora, &reference, "review", &[]).await;
    let long = "a".repeat(2001);
    for (action, fields, sentence) in [
        (
            "ask",
            &[("question", "Why")][..],
            "Write at least 5 characters. The text has 3.",
        ),
        ("ask", &[("question", "")], "Write a text."),
        (
            "ask",
            &[("question", &long)],
            "Write at most 2000 characters. The text has 2001.",
        ),
        (
            "ask",
            &[("question", "Who pays?"), ("until", "tomorrow")],
            "Write the day as year, month and day",
        ),
        ("decide", &[("reason", REASON)], "Choose a decision."),
        (
            "decide",
            &[("decision", "not_accept"), ("reason", "No.")],
            "Write at least 20 characters.",
        ),
        (
            "decide",
            &[("decision", "accept")],
            "is a member of the NCSG. Give a reason.",
        ),
        ("dismiss", &[], "Say why it is closed."),
        ("note", &[("text", " ")], "Write a text."),
    ] {
        let refused = act(&dora, &reference, action, fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{action} {fields:?}");
        let said = refused.text_of(".summary");
        assert!(said.contains(sentence), "{action} {fields:?}: {said}");
        for (name, value) in fields.iter().filter(|(name, _)| ["question", "reason"].contains(name)) {
            assert_eq!(refused.kept(name)[0], *value, "{action}");
        }
    }
    assert_eq!(state(&site, &reference).await, ("in-review".to_owned(), 2));
}

#[tokio::test]
async fn suspected_application_is_in_its_own_tab_until_it_is_reviewed() {
    let site = TestSite::new().await;
    let dora = site.member("Dora", Role::Decider).await;
    let reference = site.apply(&[]).await;
    site.sql("UPDATE applications SET is_suspected = true").await;
    let home = dora.get("/desk").await;
    assert!(home.text_of("main").contains("Nothing waits for you."));
    assert_eq!(
        home.all(".tabs a")
            .iter()
            .filter(|tab| *tab == "Suspected spam 1")
            .count(),
        1
    );
    assert!(
        dora.get("/desk/applications?state=waiting")
            .await
            .all("tbody tr")
            .is_empty()
    );
    assert_eq!(
        dora.get("/desk/applications?state=suspected")
            .await
            .all("tbody tr")
            .len(),
        1
    );
    done(&dora, &reference, "review", &[]).await;
    assert!(
        dora.get("/desk/applications?state=suspected")
            .await
            .all("tbody tr")
            .is_empty()
    );
    assert_eq!(
        dora.get("/desk/applications?state=in-review")
            .await
            .all("tbody tr")
            .len(),
        1
    );
}

#[tokio::test]
async fn applications_from_before_the_desk_wait_for_nobody() {
    let site = TestSite::new().await;
    let old = site.apply(&[]).await;
    let dora = site.member("Dora", Role::Decider).await;
    let new = site
        .apply(&[
            ("domain_name", "other.or.ke"),
            ("representative_email", "a@other.or.ke"),
        ])
        .await;
    let home = dora.get("/desk").await;
    assert!(home.body.contains(&new) && !home.body.contains(&old));
    let earlier = dora.get("/desk/applications?state=earlier").await;
    assert!(earlier.body.contains(&old) && !earlier.body.contains(&new));
    done(&dora, &old, "review", &[]).await;
}

#[tokio::test]
async fn list_is_filtered_and_searched() {
    let site = TestSite::new().await;
    let dora = site.member("Dora", Role::Decider).await;
    let mut all = Vec::new();
    for number in 0..3 {
        let domain = format!("org{number}.or.ke");
        let email = format!("info@{domain}");
        let name = format!("Organization {number}");
        let changes = [
            ("domain_name", domain.as_str()),
            ("representative_email", &email),
            ("organization_name", &name),
            ("country", if number == 0 { "PE" } else { "KE" }),
        ];
        all.push(site.apply(&changes).await);
    }
    let listed = async |query: &str| dora.get(&format!("/desk/applications?{query}")).await.all("tbody th a");
    assert_eq!(listed("").await, ["Organization 2", "Organization 1", "Organization 0"]);
    assert_eq!(listed("country=PE").await, ["Organization 0"]);
    assert_eq!(listed("region=africa").await, ["Organization 2", "Organization 1"]);
    assert_eq!(listed("region=africa&country=PE").await, Vec::<String>::new());
    assert_eq!(listed("q=org1.or.ke").await, ["Organization 1"]);
    assert_eq!(listed(&format!("q={}", all[2])).await, ["Organization 2"]);
    assert_eq!(listed("q=organization&region=latin-america").await, ["Organization 0"]);
    assert_eq!(listed("q=nothing+like+this").await, Vec::<String>::new());
    for wrong in [
        "state=x",
        "region=x&country=XX",
        "before=x",
        "before=1-1",
        "q=%FF",
        "assigned=you",
    ] {
        assert_eq!(
            dora.get(&format!("/desk/applications?{wrong}")).await.status,
            StatusCode::OK,
            "{wrong}"
        );
    }
}

/// Copies the only application this many times, each a second later.
async fn copy(site: &TestSite, times: i32) {
    let copies = "INSERT INTO applications (reference, submission_key, receipt_secret, received_at, organization_name,
            domain_name, domain_name_ascii, country, registered, registration_note, kind_of_work, statement,
            representative_name, representative_role, representative_email, ncsg_status, not_eligible, authorised, publish,
            mailing_list)
        SELECT 'NPOC-' || translate(lpad(number::text, 4, '0'), '0123456789', 'ACDEFGHJKM') || '-ACDE', gen_random_uuid(),
            gen_random_uuid(), received_at + make_interval(secs => number), organization_name, domain_name, domain_name_ascii,
            country, registered, registration_note, kind_of_work, statement, representative_name, representative_role,
            representative_email, ncsg_status, not_eligible, authorised, publish, mailing_list
        FROM applications, generate_series(1, $1) AS number";
    sqlx::query(copies).bind(times).execute(&site.pool).await.unwrap();
}

/// Reads a list to its end. Returns how many lines it has, and how many different ones.
async fn read_all(dora: &Browser<'_>, path: &str) -> (usize, usize) {
    let (mut path, mut seen) = (path.to_owned(), Vec::new());
    loop {
        let page = dora.get(&path).await;
        seen.extend(page.attributes("tbody th a", "href"));
        let links = page.attributes("main p a", "href");
        match links.into_iter().find(|link| link.contains("before=")) {
            Some(next) => path = next,
            None => break,
        }
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    (count, seen.len())
}

#[tokio::test]
async fn long_list_is_read_page_by_page() {
    let site = TestSite::new().await;
    let dora = site.member("Dora", Role::Decider).await;
    site.apply(&[]).await;
    copy(&site, 120).await;
    assert_eq!(read_all(&dora, "/desk/applications?state=waiting").await, (121, 121));
    assert_eq!(dora.get("/desk/applications?q=afya").await.all("tbody tr").len(), 50);
}

#[tokio::test]
async fn search_finds_every_match_among_many_applications() {
    let site = TestSite::new().await;
    let dora = site.member("Dora", Role::Decider).await;
    site.apply(&[]).await;
    copy(&site, 2300).await;
    assert_eq!(read_all(&dora, "/desk/applications?q=afya").await, (2301, 2301));
    let rare = "UPDATE applications SET organization_name = 'Kilimo' WHERE reference LIKE '%-AAA_-ACDE'";
    site.sql(rare).await;
    assert_eq!(read_all(&dora, "/desk/applications?q=kilimo").await, (9, 9));
}

#[tokio::test]
async fn text_comes_back_when_the_session_ended_meanwhile() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let dora = site.member("Dora", Role::Decider).await;
    site.sql("UPDATE desk_sessions SET ended_at = now()").await;
    let question = "A question that took ten minutes?";
    let fields = [("version", "1"), ("question", question), ("step", "preview")];
    let given_back = dora.post(&path(&reference, "ask"), &fields).await;
    assert_eq!(given_back.status, StatusCode::FORBIDDEN);
    assert_eq!(given_back.text_of("h1"), "You are signed out");
    assert_eq!(given_back.text_of("blockquote"), question);
    let dora = dora.sign_in("dora@npoc.test").await;
    let again = |name: &str| given_back.attributes(&format!("input[name={name}]"), "value")[0].clone();
    let again = [
        ("version", again("version")),
        ("question", again("question")),
        ("step", again("step")),
    ];
    let again = again.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(
        dora.post(&path(&reference, "ask"), &again).await.text_of("h1"),
        "Ask the applicant"
    );
}

#[tokio::test]
async fn region_of_the_country_is_no_change() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let dora = site.member("Dora", Role::Decider).await;
    done(&dora, &reference, "review", &[]).await;
    let accept = [
        ("decision", "accept"),
        ("reason", "We know them."),
        ("region", "africa"),
    ];
    done(&dora, &reference, "decide", &accept).await;
    let facts = dora
        .get(&format!("/desk/applications/{reference}"))
        .await
        .text_of(".facts");
    assert!(
        facts.contains("Kenya, Africa") && !facts.contains("set by a decider"),
        "{facts}"
    );
}

#[tokio::test]
async fn text_comes_back_while_the_database_is_away_from_the_desk() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let dora = site.member("Dora", Role::Decider).await;
    crate::support::database::take_away(&site.pool).await;
    let given_back = dora.post(&path(&reference, "note"), &[("text", "A long note")]).await;
    assert_eq!(given_back.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(given_back.text_of("blockquote"), "A long note");
    assert_eq!(given_back.attributes("main form", "action"), [path(&reference, "note")]);
}
