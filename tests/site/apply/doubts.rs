//! The check page asks about doubtful answers, and never rejects them.

use axum::http::StatusCode;

use crate::support::process::stdout_of;
use crate::support::{TestSite, folded, good_with};

#[tokio::test]
async fn likely_typo_in_an_email_address_is_a_question() {
    let site = TestSite::new().await;
    let typos = [
        ("representative_email", "ann@gmial.com"),
        ("alternate_name", "Bob"),
        ("alternate_email", "Bob@afyabroa.or.ke"),
    ];
    let asked = site.check(&typos).await;
    assert_eq!(asked.status, StatusCode::OK);
    let questions = asked.all(".doubt").join(" ");
    assert!(
        questions.contains("ann@gmial.com looks like ann@gmail.com"),
        "{questions}"
    );
    assert!(
        questions.contains("Bob@afyabroa.or.ke looks like Bob@afyabora.or.ke"),
        "{questions}"
    );
    assert!(site.check(&[]).await.all(".doubt").is_empty(), "no typo, no question");

    let reference = site.apply(&typos).await;
    site.deliver_all().await;
    let (staff, _) = site.emails(&reference);
    assert!(
        staff
            .text
            .contains("may be mistyped\n    YES: ann@gmial.com (is it ann@gmail.com?); Bob@afyabroa.or.ke (is"),
        "staff see the unchanged address: {}",
        staff.text
    );
}

#[tokio::test]
async fn typo_may_be_in_the_domain_name_or_in_the_address() {
    let site = TestSite::new().await;
    let asked = site.check(&[("representative_email", "wanjiku@afyabora.co.ke")]).await;
    let question = asked.text_of(".doubt");
    assert!(
        question.contains("looks like wanjiku@afyabora.or.ke. One of the two may be mistyped"),
        "{question}"
    );
    assert_eq!(
        asked.attributes("#answer-representative_email button[name=change]", "value"),
        ["representative_email", "domain_name"]
    );
}

#[tokio::test]
async fn unknown_domain_ending_is_a_question() {
    let site = TestSite::new().await;
    let typed = [("domain_name", "afyabora.or.k"), ("representative_email", "ann@web.dr")];
    let asked = site.check(&typed).await;
    assert_eq!(asked.status, StatusCode::OK);
    assert_eq!(
        asked.all(".doubt strong"),
        ["Is afyabora.or.k correct?", "Is web.dr correct?"]
    );
    let reference = site.apply(&typed).await;
    site.deliver_all().await;
    let (staff, _) = site.emails(&reference);
    assert!(
        staff
            .text
            .contains("does not recognize\n    YES: afyabora.or.k; web[.]dr\n"),
        "{}",
        staff.text
    );
}

#[tokio::test]
async fn page_address_given_as_domain_name_becomes_the_website() {
    let site = TestSite::new().await;
    let group = "https://www.facebook.com/groups/123456";
    let checked = site.check(&[("domain_name", group)]).await;
    assert_eq!(checked.kept("domain_name"), ["facebook.com"]);
    assert_eq!(checked.kept("website"), [group]);
    assert!(checked.text_of(".doubt").contains("Others use facebook.com too"));
    let own = site
        .check(&[("domain_name", group), ("website", "https://afyabora.or.ke")])
        .await;
    assert_eq!(
        own.kept("website"),
        ["https://afyabora.or.ke"],
        "an explicit answer wins"
    );
}

#[tokio::test]
async fn accepting_a_suggestion_makes_another_application() {
    let site = TestSite::new().await;
    let typo = [
        ("representative_email", "ann@gmial.com"),
        ("form_key", "0192f0c1-2345-7abc-8def-0123456789ab"),
    ];
    let asked = site.check(&typo).await;
    assert_eq!(
        asked.attributes("button[name=take_likelier]", "value"),
        ["representative_email"]
    );
    let pressed = [&typo[..], &[("take_likelier", "representative_email")]].concat();
    let taken = site.check(&pressed).await;
    assert_eq!(taken.status, StatusCode::OK);
    assert_eq!(taken.kept("representative_email"), ["ann@gmail.com"]);
    assert!(taken.all(".doubt").is_empty(), "no question is left");
    assert_eq!(
        taken.all(".notice--done"),
        ["Changed: the answer to “Email address” is now ann@gmail.com."]
    );
    assert_ne!(taken.submission_key(), asked.submission_key());
    taken.assert_keeps(&good_with(&[("representative_email", "ann@gmail.com")]));

    for (field, kept) in [("alternate_email", "ann@gmial.com"), ("no_such_field", "ann@gmial.com")] {
        let other = site.check(&[&typo[..], &[("take_likelier", field)]].concat()).await;
        assert_eq!(other.kept("representative_email"), [kept], "{field}: no suggestion");
        assert!(other.all(".notice--done").is_empty());
    }
}

#[tokio::test]
async fn doubtful_eligibility_is_explained_before_sending() {
    let site = TestSite::new().await;
    for (changes, explanation) in [
        (("registered", "no"), "The executive committee may make an exception"),
        (("not_eligible", "commercial"), "such as a chamber of commerce"),
        (("not_eligible", "icann-contract"), "contract or memorandum with ICANN"),
        (("not_eligible", "seeks-office"), "whose main purpose is to hold office"),
        (("not_eligible", "government"), "represent a government in ICANN"),
        (("domain_name", "grupo.github.io"), "Others use github.io too"),
    ] {
        let page = site.check(&[changes]).await;
        assert_eq!(page.status, StatusCode::OK, "doubts never reject");
        let notice = page.text_of(".notice--warning");
        assert!(notice.starts_with("Look at these answers again"), "{notice}");
        let row = format!("#answer-{} .doubt", changes.0);
        assert!(page.text_of(&row).contains(explanation), "{row}: {explanation}");
        let link = format!("#answer-{}", changes.0);
        assert!(page.attributes(".notice--warning a", "href").contains(&link));
        assert!(notice.contains("You can still send") && notice.contains("info@npoc.org"));
        assert!(
            page.attributes(".notice--warning a", "href")
                .contains(&"/join#eligible".to_owned())
        );
        assert!(
            !page.attributes("[role=alert]", "role").contains(&"alert".to_owned()),
            "a doubt is not an error"
        );
        site.apply(&[changes]).await;
    }
    assert_eq!(site.get("/join").await.all("#eligible").len(), 1);
}

#[tokio::test]
async fn check_page_email_and_terminal_show_the_same_doubts() {
    let site = TestSite::new().await;
    let long = format!("{}@afyabora.or.ke", "ក".repeat(22));
    let typed = [
        ("domain_name", "exаmple.org"), // a Cyrillic а
        ("registered", "no"),
        ("not_eligible", "government"),
        ("representative_email", "o’brien@exаmple.org"),
        ("alternate_name", "Sok"),
        ("alternate_email", long.as_str()),
    ];
    let asked = site.check(&typed).await;
    assert_eq!(asked.status, StatusCode::OK);
    let questions = asked.all(".doubt").join(" ");
    for words in [
        "o’brien@exаmple.org looks like o'brien@exаmple.org",
        &format!("Is {long} correct?"),
        "Is exаmple.org correct? The name mixes letters of several scripts. One letter may be another letter that looks the same. \
         In the domain name system it is xn--exmple-4nf.org.",
        "NPOC’s members are registered organizations.",
        "Bodies that represent a government in ICANN",
    ] {
        assert!(questions.contains(words), "{words} in {questions}");
    }
    let reference = site.apply(&typed).await;
    site.deliver_all().await;
    let (staff, _) = site.emails(&reference);
    let shown = stdout_of(site.command(&["applications", "show", &reference]));
    let (mail, shown) = (folded(&staff.text), folded(&shown));
    for words in [
        "NOT REGISTERED, by its own answer",
        "It SELECTED SOMETHING THAT MAY KEEP IT FROM JOINING",
        "CHECK: a domain name with mixed scripts; an email address that may be mistyped; an unusual email address",
        "YES: o’brien@exаmple.org (is it o'brien@exаmple.org?)",
        &format!("YES: {long} (more than 64 bytes"),
    ] {
        assert!(mail.contains(words), "{words} in {mail}");
        assert!(shown.contains(words), "{words} in {shown}");
    }
}
