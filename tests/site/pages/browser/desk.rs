//! The desk and the status page in a browser: with the keyboard, for assistive technology, at every width.

use npoc::staff::Role;
use serde_json::json;
use thirtyfour::Key;
use uuid::Uuid;

use super::State;
use super::assistive::{axe_violations, load_axe};
use crate::support::browser::{Browser, in_a_browser};
use crate::support::desk::{SECOND, code_of_shown};
use crate::support::{good_with, send_body};

const REASON: &str = "The statutes do not name a purpose that is not for profit.";

/// Signs in with the keyboard, by an operator's link, and sets up an authenticator app.
async fn sign_in(browser: &Browser, name: &str) {
    browser.open_page(&operators_link(browser, name)).await;
    press(browser, "main button").await;
    let key = browser.see("document.querySelector('code.key').textContent").await;
    browser.tab_to("#code").await;
    browser.keys(code_of_shown(key.as_str().unwrap())).await;
    press(browser, "main button").await;
    assert_eq!(browser.title().await, "What waits for you – NPOC desk");
}

/// Returns the path of a link that an operator prints.
fn operators_link(browser: &Browser, name: &str) -> String {
    let address = format!("{}@npoc.test", name.to_lowercase());
    let printed = browser.site.command(&["staff", "sign-in", &address]);
    let printed = String::from_utf8(printed.stdout).unwrap();
    printed.trim().trim_start_matches("http://127.0.0.1:8080").to_owned()
}

/// Presses a link or a button that leads to another page.
async fn press(browser: &Browser, selector: &str) {
    browser.tab_to(selector).await;
    browser.enter().await;
}

/// Opens the form with this action, types into a field, and presses the button.
async fn fill_in(browser: &Browser, action: &str, field: &str, text: &str) {
    let form = format!("form[action$='/{action}']");
    if browser
        .see(&format!("document.querySelector(\"details {form}\") !== null"))
        .await
        == json!(true)
    {
        browser.tab_to(&format!("details:has({form}) > summary")).await;
        browser.keys(" ").await;
    }
    browser.tab_to(&format!("{form} {field}")).await;
    browser.keys(text).await;
    press(browser, &format!("{form} button")).await;
}

/// Does something at the desk: fills in the form, reads the preview, and confirms.
async fn act(browser: &Browser, reference: &str, action: &str, field: &str, text: &str) {
    browser.open_page(&format!("/desk/applications/{reference}")).await;
    fill_in(browser, action, field, text).await;
    assert_eq!(
        browser.see("document.querySelectorAll('.summary').length").await,
        json!(0)
    );
    press(browser, "main form button").await;
    assert_eq!(
        browser.see("document.querySelector('h1').textContent").await,
        json!("Afya Bora Health Network")
    );
}

/// Decides with the keyboard. The arrow keys choose between the radio buttons.
async fn decide(browser: &Browser, reference: &str, decision: &str, reason: &str) {
    browser.open_page(&format!("/desk/applications/{reference}")).await;
    browser.tab_to("details:has(form[action$='/decide']) > summary").await;
    browser.keys(" ").await;
    browser.tab_to("[name=decision]").await;
    browser.keys(" ").await;
    if decision == "not_accept" {
        browser.keys(char::from(Key::Down).to_string()).await;
    }
    let chosen = "document.querySelector('[name=decision]:checked').value";
    assert_eq!(browser.see(chosen).await, json!(decision));
    browser.tab_to("#decide-reason").await;
    browser.keys(reason).await;
    press(browser, "form[action$='/decide'] button").await;
    press(browser, "main form button").await;
}

/// Does something on the status page.
async fn answer(browser: &Browser, status: &str, action: &str, field: &str, text: &str) {
    browser.open_page(status).await;
    fill_in(browser, action, field, text).await;
}

async fn state(browser: &Browser) -> String {
    let state = browser
        .see("document.querySelector('[data-state]').dataset.state")
        .await;
    state.as_str().unwrap().to_owned()
}

/// Sends an application. Returns its reference and the path of its page.
async fn apply(browser: &Browser, form: &str) -> (String, String) {
    let sent = browser.site.post_raw(form, send_body(Uuid::now_v7())).await;
    let status = sent.location().to_owned();
    let reference = browser.site.get(&status).await.text_of(".reference");
    (reference, status)
}

/// Returns the subjects of the emails to the applicant, in the order of the changes.
async fn subjects(browser: &Browser, reference: &str) -> Vec<String> {
    browser.site.deliver_all().await;
    let emails = (2..12).filter_map(|version| browser.site.update(reference, version, "applicant"));
    emails
        .map(|mail| {
            mail.subject
                .replace(reference, "")
                .trim_end_matches([':', ' ', '：'])
                .to_owned()
        })
        .collect()
}

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn four_applications_live_by_the_keyboard_alone() {
    in_a_browser(async |browser| {
        browser.site.add_staff("Dora", "dora@npoc.test", Role::Decider).await;
        browser.site.add_staff("Emil", "emil@npoc.test", Role::Decider).await;
        sign_in(browser, "Dora").await;

        // Accepted.
        let (reference, status) = apply(browser, "/membership").await;
        browser.open_page("/desk").await;
        press(browser, &format!("a[href$='{reference}']")).await;
        press(browser, "form[action$='/review'] button").await;
        decide(browser, &reference, "accept", "We know them well.").await;
        browser.open_page(&status).await;
        assert_eq!(state(browser).await, "accepted");
        assert_eq!(
            subjects(browser, &reference).await,
            ["NPOC has accepted your application"]
        );

        asked_and_accepted(browser).await;
        appealed_and_accepted(browser).await;

        // Withdrawn and undone.
        let (reference, status) = apply(browser, "/membership").await;
        answer(browser, &status, "withdraw", "[name=yes]", " ").await;
        assert_eq!(state(browser).await, "withdrawn");
        answer(browser, &status, "undo", "[name=yes]", " ").await;
        assert_eq!(state(browser).await, "received");
        let told = [
            "Your application to NPOC is withdrawn",
            "Your application to NPOC continues",
        ];
        assert_eq!(subjects(browser, &reference).await, told);
    })
    .await;
}

/// In Arabic: asked, answered, accepted.
async fn asked_and_accepted(browser: &Browser) {
    let (reference, status) = apply(browser, "/ar/membership").await;
    act(browser, &reference, "ask", "[name=question]", "Who pays for your work?").await;
    answer(browser, &status, "answer", "[name=text]", "يدفع الأعضاء رسوم العضوية.").await;
    assert_eq!(state(browser).await, "in-review");
    assert_eq!(browser.see("document.documentElement.dir").await, json!("rtl"));
    decide(browser, &reference, "accept", "They answered well.").await;
    browser.open_page(&status).await;
    assert_eq!(state(browser).await, "accepted");
    assert_eq!(subjects(browser, &reference).await.len(), 3);
}

/// Not accepted, appealed, accepted by somebody else.
async fn appealed_and_accepted(browser: &Browser) {
    let (reference, status) = apply(browser, "/membership").await;
    browser.open_page(&format!("/desk/applications/{reference}")).await;
    press(browser, "form[action$='/review'] button").await;
    decide(browser, &reference, "not_accept", REASON).await;
    let appeal = "Our statutes name it in article two.";
    answer(browser, &status, "appeal", "[name=text]", appeal).await;
    assert_eq!(state(browser).await, "appealed");
    browser.open_page("/desk").await;
    press(browser, "header button").await;
    sign_in(browser, "Emil").await;
    decide(browser, &reference, "accept", "They are right.").await;
    browser.open_page(&status).await;
    assert_eq!(state(browser).await, "accepted");
    let told = [
        "NPOC has not accepted your application",
        "NPOC has received your appeal",
        "NPOC has decided your appeal",
    ];
    assert_eq!(subjects(browser, &reference).await, told);
}

/// Returns every page of the desk, and the states of its forms.
async fn desk_states(browser: &Browser, reference: &str, other: &str) -> Vec<State> {
    let page = format!("/desk/applications/{reference}");
    let action = |name: &str| format!("{page}/{name}");
    let question = vec![("version", "1"), ("question", "What is your purpose?")];
    let preview = [&question[..], &[("step", "preview")]].concat();
    let note = [("text", "I called them, and they were friendly.")];
    browser.post(&action("note"), &note).await;
    let empty = vec![("version", "1"), ("question", "")];
    let mut states: Vec<State> = [
        "/desk",
        "/desk/applications",
        "/desk/applications?state=decided",
        "/desk/applications?q=nothing",
        &page,
        &format!("/desk/applications/{other}"),
        "/desk/sign-in",
        "/desk/sign-in/confirm",
        "/desk/sign-in/x",
        "/desk/no-such-page",
    ]
    .map(State::page)
    .into();
    states.extend([
        State::posted("refused question", &action("ask"), empty),
        State::posted("refused decision", &action("dismiss"), vec![("version", "1")]),
        State::posted("wrong code", "/desk/sign-in/confirm", vec![("code", "BBBB-BBBB")]),
        State::posted("preview", &action("ask"), preview),
        State::posted("asked", &action("ask"), question),
    ]);
    states
}

/// Returns the pages about accounts, and the states of their forms.
fn account_states(browser: &Browser) -> Vec<State> {
    let wrong = vec![("name", "Emil"), ("address", "emil"), ("role", "reader")];
    let mut states: Vec<State> = ["/desk/me", "/desk/staff", "/desk/log"].map(State::page).into();
    states.extend([
        State::posted("refused account", "/desk/staff", wrong),
        State::posted("new app", "/desk/me/second-factor", Vec::new()),
        State::posted("wrong code of the app", SECOND, vec![("code", "000000")]),
        State::posted("code of the app", &operators_link(browser, "Dora"), Vec::new()),
    ]);
    states
}

/// Returns the states of the form that corrects answers, in Arabic.
async fn correction_states(browser: &Browser) -> Vec<State> {
    let (reference, status) = apply(browser, "/ar/membership").await;
    let form = browser.site.link_to_correct(&reference).await;
    let wrong = good_with(&[("domain_name", "kilimo"), ("representative_email", "x")]);
    vec![
        State::page(&form),
        State::posted("refused corrections", &form, wrong),
        State::posted(
            "old corrections",
            &form,
            good_with(&[("website", "https://kilimo.or.ke")]),
        ),
        State::page("/membership/change/x"),
        State::page(&status),
    ]
}

/// Returns every page of the desk and of the status page, and the states of their forms.
async fn every_state(browser: &Browser) -> Vec<State> {
    let (reference, asked) = apply(browser, "/membership").await;
    let (_, withdrawn) = apply(browser, "/fr/membership").await;
    let withdraw = format!("{withdrawn}/withdraw");
    browser.site.post_raw(&withdraw, "version=1&yes=yes").await;
    let (other, refused) = apply(browser, "/ar/membership").await;
    let action = |name: &str| format!("/desk/applications/{other}/{name}");
    browser.post(&action("review"), &[("version", "1")]).await;
    let no = [("version", "2"), ("decision", "not_accept"), ("reason", REASON)];
    browser.post(&action("decide"), &no).await;
    let mut states = desk_states(browser, &reference, &other).await;
    states.extend(account_states(browser));
    let empty = vec![("version", "2"), ("text", "")];
    let late = vec![("version", "1"), ("text", "A text")];
    states.extend([
        State::page(&asked),
        State::posted("refused answer", &format!("{asked}/answer"), empty),
        State::posted("no tick", &format!("{asked}/withdraw"), vec![("version", "2")]),
        State::posted("link to correct", &format!("{asked}/change"), Vec::new()),
        State::page(&withdrawn),
        State::page(&refused),
        State::posted("late answer", &format!("{refused}/answer"), late),
    ]);
    states.extend(correction_states(browser).await);
    states
}

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn axe_finds_no_violation_at_the_desk_and_on_the_status_page() {
    in_a_browser(async |browser| {
        browser
            .site
            .add_staff("Dora", "dora@npoc.test", Role::Administrator)
            .await;
        sign_in(browser, "Dora").await;
        let mut found = Vec::new();
        let mut states = every_state(browser).await;
        let is_last = states.len();
        states.push(State::page("/desk/export.csv"));
        for (position, state) in states.into_iter().enumerate() {
            if position == is_last {
                let old = "UPDATE desk_sessions SET confirmed_at = now() - interval '16 minutes'";
                browser.site.sql(old).await;
            }
            state.show(browser).await;
            browser
                .js(
                    "document.querySelectorAll('details').forEach(e => e.open = true)",
                    Vec::new(),
                )
                .await;
            load_axe(browser).await;
            for (scheme, width) in [("light", 1280), ("dark", 320)] {
                let still = ("prefers-reduced-motion", "reduce");
                browser.media(&[("prefers-color-scheme", scheme), still]).await;
                browser.size(width, 900).await;
                for violation in axe_violations(browser).await {
                    found.push(format!("{} ({scheme}, {width} px): {violation}", state.name));
                }
            }
            for width in [320, 390, 568, 768, 1280, 1920] {
                browser.size(width, 900).await;
                let is_wide = browser.see("document.documentElement.scrollWidth > innerWidth").await;
                if is_wide == json!(true) {
                    found.push(format!("{} scrolls sideways at {width} px", state.name));
                }
            }
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    })
    .await;
}
