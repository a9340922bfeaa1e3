//! An applicant uses the keyboard and the history of the browser.

use serde_json::json;
use thirtyfour::Key;

use super::QUESTIONABLE;
use crate::support::browser::{Browser, in_a_browser};
use crate::support::{GOOD, good_with};

/// The browser sets the focus without a script, when it first draws the page.
const SUMMARY_HAS_FOCUS: &str = "return document.activeElement.matches('.summary')";

const SUBMIT: &str = "form.application > button";

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn organization_applies_with_the_keyboard_alone() {
    in_a_browser(async |browser| {
        browser.open_page("/").await;
        browser.keys(char::from(Key::Tab).to_string()).await;
        assert_eq!(browser.focus().await, "skip");
        browser.keys(char::from(Key::Enter).to_string()).await;
        browser.until("return document.activeElement.id === 'main'").await;
        browser.tab_to("main a[href='/membership']").await;
        browser.enter().await;

        type_into(browser, "organization_name", "Afya Bora Health Network").await;
        browser.enter().await;
        assert!(browser.title().await.starts_with("Error: "));
        browser.until(SUMMARY_HAS_FOCUS).await;
        browser.tab_to(SUBMIT).await;
        browser.enter().await;
        browser.until(SUMMARY_HAS_FOCUS).await;

        browser.tab_to(".summary a").await;
        browser.keys(char::from(Key::Enter).to_string()).await;
        browser
            .until("return document.activeElement.id === 'domain_name'")
            .await;
        fill_in(browser).await;
        browser.tab_to(SUBMIT).await;
        browser.enter().await;
        assert!(browser.title().await.starts_with("Check your answers"));
        assert_eq!(browser.site.count("applications").await, 0);

        browser.tab_to("button[value=send]").await;
        browser.enter().await;
        assert!(browser.title().await.starts_with("Application received"));
        assert_eq!(browser.site.count("applications").await, 1);
        leaves_nothing_behind(browser).await;
    })
    .await;
}

async fn type_into(browser: &Browser, name: &str, text: &str) {
    browser.tab_to(&format!("[name={name}]")).await;
    browser.keys(text).await;
}

/// Fills in the form from the domain name to the end, as a person does.
async fn fill_in(browser: &Browser) {
    for (name, given) in GOOD
        .iter()
        .filter(|(name, given)| !given.is_empty() && *name != "organization_name")
    {
        let field = format!("[name={name}]");
        browser.tab_to(&field).await;
        match browser.see("document.activeElement.type").await.as_str().unwrap() {
            "radio" => choose(browser, given).await,
            "checkbox" => browser.keys(" ").await,
            // Typing a name selects it in the list.
            "select-one" => browser.keys("Kenya").await,
            _ => browser.keys(given).await,
        }
        let kept = format!("new FormData(document.querySelector('form.application')).get('{name}')");
        let kept = browser.see(&kept).await.as_str().unwrap().replace("\r\n", "\n");
        assert_eq!(kept, *given, "{name}");
    }
}

/// Chooses a radio button. Space selects the first, the arrow key the next.
async fn choose(browser: &Browser, value: &str) {
    browser.keys(" ").await;
    while browser.see("document.activeElement.value").await != json!(value) {
        browser.keys(char::from(Key::Down).to_string()).await;
    }
}

async fn leaves_nothing_behind(browser: &Browser) {
    assert!(browser.driver.get_all_cookies().await.unwrap().is_empty(), "no cookie");
    assert_eq!(
        browser.see("localStorage.length + sessionStorage.length").await,
        json!(0)
    );
    let elsewhere = "performance.getEntriesByType('resource').filter(e => !e.name.startsWith(location.origin)).length";
    assert_eq!(
        browser.see(elsewhere).await,
        json!(0),
        "nothing is loaded from other sites"
    );
    let mut log = browser.driver.browser_log().await.unwrap();
    log.retain(|line| !line.message.ends_with("422 (Unprocessable Entity)"));
    assert!(log.is_empty(), "the browser logs only the rejected forms: {log:?}");
}

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn change_link_focuses_its_field_and_one_press_returns() {
    in_a_browser(async |browser| {
        browser
            .post("/membership", &good_with(&[("not_eligible", "government")]))
            .await;
        for name in [
            "representative_role",
            "statement",
            "country",
            "kind_of_work",
            "not_eligible",
            "publish",
        ] {
            browser.tab_to(&format!("dd button[name=change][value={name}]")).await;
            browser.enter().await;
            browser
                .until(&format!("return document.activeElement.name === '{name}'"))
                .await;
            assert_eq!(browser.see(IS_IN_VIEW).await, json!(true), "{name} with its label");
            browser.tab_to(SUBMIT).await;
            browser.enter().await;
            assert!(browser.title().await.starts_with("Check your answers"), "{name}");
        }
        let chosen = "document.querySelector('input[name=kind_of_work]').value";
        assert_eq!(browser.see(chosen).await, json!("health"), "answers stay unchanged");
    })
    .await;
}

/// Whether the focused question is visible, from its label to its field or first choice.
const IS_IN_VIEW: &str = "(e => {
    const label = e.closest('.question').querySelector('label, legend').getBoundingClientRect();
    return label.top >= 0 && e.getBoundingClientRect().top < innerHeight;
})(document.activeElement)";

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn one_press_accepts_the_suggested_address() {
    in_a_browser(async |browser| {
        browser.post("/membership", &good_with(QUESTIONABLE)).await;
        browser.tab_to("button[name=take_likelier]").await;
        let words = browser.see("document.activeElement.innerText").await;
        assert_eq!(words, json!("Use ann@gmail.com"));
        browser.enter().await;
        let address = "document.querySelector('input[name=representative_email]').value";
        assert_eq!(browser.see(address).await, json!("ann@gmail.com"));
        assert_eq!(
            browser
                .see("document.querySelectorAll('button[name=take_likelier]').length")
                .await,
            json!(0)
        );
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn focus_is_visible_and_moves_down_the_page() {
    in_a_browser(async |browser| {
        for (path, posted) in [
            ("/membership", &[][..]),
            ("/membership", &[("step", "check")]),
            ("/", &[]),
        ] {
            if posted.is_empty() {
                browser.open_page(path).await;
            } else {
                browser.post(path, posted).await;
            }
            walk(browser).await;
        }
        browser.post("/membership", &good_with(QUESTIONABLE)).await;
        walk(browser).await;
    })
    .await;
}

/// Tabs through the page until the focus leaves it.
async fn walk(browser: &Browser) {
    browser
        .until("return !document.querySelector('[autofocus]:not(:focus)')")
        .await;
    let mut last = (0.0, 0.0, String::new());
    for stop in 0.. {
        browser.keys(char::from(Key::Tab).to_string()).await;
        let seen = browser.see(STOP).await;
        if seen.is_null() {
            let all = browser
                .see("document.querySelectorAll('main a, main button').length")
                .await;
            assert!(stop > all.as_u64().unwrap(), "only {stop} stops");
            return;
        }
        let name = seen["name"].to_string();
        let [top, bottom, left] = ["top", "bottom", "left"].map(|side| seen[side].as_f64().unwrap());
        assert_eq!(seen["outline"], json!(true), "{name} shows no focus");
        assert_eq!(seen["covered"], json!(false), "{name} is covered");
        let is_next_column = left > last.1 + 100.0;
        assert!(
            bottom > last.0 || is_next_column,
            "{name} comes after {} and is above it",
            last.2
        );
        last = (top, left, name);
    }
}

/// The position and look of the focus. Null after it has left the page.
const STOP: &str = "(e => {
    if (e === document.body) return null;
    const box = e.getBoundingClientRect(), line = e.getClientRects()[0], style = getComputedStyle(e);
    const [x, y] = [line.left + Math.min(line.width, 20) / 2, line.top + Math.min(line.height, 20) / 2];
    const top = document.elementFromPoint(x, y);
    const ground = e => getComputedStyle(e).backgroundColor;
    const behind = e => { do e = e.parentElement; while (e && ground(e) === 'rgba(0, 0, 0, 0)'); return e && ground(e); };
    return {
        name: e.id || e.textContent.trim(),
        top: box.top + scrollY, bottom: box.bottom + scrollY, left: box.left,
        outline: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && style.outlineColor !== behind(e),
        covered: !top || !(e.contains(top) || top.contains(e) || top.htmlFor === e.id),
    };
})(document.activeElement)";

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn going_back_keeps_answers_and_sends_nothing_twice() {
    in_a_browser(async |browser| {
        browser.open_page("/membership").await;
        type_into(browser, "organization_name", "Afya Bora Health Network").await;
        fill_in(browser).await;
        browser.tab_to(SUBMIT).await;
        browser.enter().await;
        browser.driver.back().await.unwrap();
        for (name, given) in [("organization_name", "Afya Bora Health Network"), ("country", "KE")] {
            let kept = format!("document.querySelector('[name={name}]').value");
            assert_eq!(browser.see(&kept).await, json!(given));
        }
        browser.tab_to(SUBMIT).await;
        browser.enter().await;
        browser.tab_to("button[value=send]").await;
        browser.enter().await;
        let reference = browser.see("document.querySelector('.reference').textContent").await;
        browser.driver.back().await.unwrap();
        browser.tab_to("button[value=send]").await;
        browser.enter().await;
        assert_eq!(
            browser.see("document.querySelector('.reference').textContent").await,
            reference
        );
        assert_eq!(browser.site.count("applications").await, 1);
    })
    .await;
}
