//! Browsers of staff, with cookies.

use std::cell::RefCell;
use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use npoc::staff::{DeskEmails, Manager, Role};
use npoc::values::EmailAddress;
use totp_rs::Secret;

use super::{Mail, Reply, TestSite, encode};

/// A reason that is long enough.
pub const REASON: &str = "The statutes do not name a purpose that is not for profit.";

/// A browser that keeps cookies and sends forms from the site's own pages.
pub struct Browser<'a> {
    site: &'a TestSite,
    pub cookies: RefCell<BTreeMap<String, String>>,
}

impl<'a> Browser<'a> {
    pub fn new(site: &'a TestSite) -> Self {
        let cookies = RefCell::default();
        Self { site, cookies }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.ask(Method::GET, path, &[]).await
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.ask(Method::POST, path, fields).await
    }

    async fn ask(&self, method: Method, path: &str, fields: &[(&str, &str)]) -> Reply {
        let cookies = self.cookies.borrow().clone();
        let cookies: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder()
            .method(&method)
            .uri(path)
            .header("sec-fetch-site", "same-origin")
            .header(header::COOKIE, cookies.join("; "));
        if method == Method::POST {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let reply = self.site.ask(request.body(Body::from(encode(fields))).unwrap()).await;
        self.keep_cookies(&reply);
        reply
    }

    fn keep_cookies(&self, reply: &Reply) {
        for line in reply.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            let mut cookies = self.cookies.borrow_mut();
            if line.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// Asks to sign in, and returns the email.
    pub async fn ask_to_sign_in(&self, address: &str) -> SignInEmail {
        let asked = self.post("/desk/sign-in", &[("address", address)]).await;
        assert_eq!(asked.location(), "/desk/sign-in/confirm");
        self.site.deliver_all().await;
        self.site.sign_in_emails().pop().unwrap()
    }

    /// Signs in with the code of an email.
    pub async fn sign_in(self, address: &str) -> Self {
        let mail = self.ask_to_sign_in(address).await;
        let passed = self.post("/desk/sign-in/confirm", &[("code", &mail.code)]).await;
        if passed.location() == SECOND {
            self.give_second_factor().await;
        } else {
            assert_eq!(passed.location(), "/desk");
        }
        self
    }

    /// Gives the code of the authenticator app, which is set up if there is none.
    pub async fn give_second_factor(&self) {
        let code = self.app_code().await;
        let entered = self.post(SECOND, &[("code", &code)]).await;
        assert_eq!(entered.location(), "/desk", "{}", entered.text_of("main"));
    }

    /// Returns the code that the app of the second step shows now. The site forgets which codes were used.
    pub async fn app_code(&self) -> String {
        let page = self.get(SECOND).await;
        self.site.forget_used_codes().await;
        if let Some(key) = page.all("code.key").first() {
            return code_of_shown(key);
        }
        let token = self.cookies.borrow()["__Host-npoc-second"].clone();
        self.site.app_code(&token).await
    }

    /// Returns whether somebody is signed in.
    pub async fn is_signed_in(&self) -> bool {
        self.get("/desk").await.status == StatusCode::OK
    }
}

/// Where the second factor is given.
pub const SECOND: &str = "/desk/sign-in/second";

/// Returns the code for the present time of a key that a page shows.
pub fn code_of_shown(key: &str) -> String {
    code_of(Secret::try_from_base32(key.replace(' ', "")).unwrap())
}

fn code_of(key: Secret) -> String {
    let totp = totp_rs::Builder::new().with_secret(key).build().unwrap();
    totp.generate_current().to_string()
}

/// An email to sign in.
pub struct SignInEmail {
    pub mail: Mail,
    /// The path of the link.
    pub link: String,
    pub code: String,
}

impl SignInEmail {
    fn read(raw: &[u8]) -> Self {
        let mail = Mail::read(raw);
        let lines: Vec<&str> = mail.text.lines().collect();
        let link = lines.iter().find(|line| line.starts_with("http")).unwrap();
        let is_code = |line: &&&str| line.len() == 9 && line.as_bytes()[4] == b'-';
        let code = (*lines.iter().find(is_code).unwrap()).to_owned();
        let link = link.trim_start_matches("http://127.0.0.1:8080").to_owned();
        Self { mail, link, code }
    }
}

impl TestSite {
    /// Adds a member of the staff.
    pub async fn add_staff(&self, name: &str, address: &str, role: Role) {
        let address = EmailAddress::parse(address).unwrap();
        let emails = self.identity.desk_emails();
        self.manager(&emails).add(name, &address, role).await.unwrap();
    }

    /// Manages accounts like a command on the server.
    pub fn manager<'a>(&'a self, emails: &'a DeskEmails) -> Manager<'a> {
        Manager {
            pool: &self.connections,
            emails,
            administrator: None,
        }
    }

    /// Lets codes work again that were used in this half minute.
    pub async fn forget_used_codes(&self) {
        self.sql("UPDATE staff SET second_factor_step = 0").await;
    }

    async fn app_code(&self, token: &str) -> String {
        let key: Vec<u8> = sqlx::query_scalar(
            "SELECT second_factor FROM staff JOIN second_steps ON staff_id = staff.id
            WHERE token_hash = sha256(convert_to($1, 'UTF8'))",
        )
        .bind(token)
        .fetch_one(&self.pool)
        .await
        .unwrap();
        code_of(key.into())
    }

    /// Returns the code of a member's app.
    pub async fn app_code_of(&self, address: &str) -> String {
        self.forget_used_codes().await;
        let key: Vec<u8> = sqlx::query_scalar("SELECT second_factor FROM staff WHERE address = $1")
            .bind(address)
            .fetch_one(&self.pool)
            .await
            .unwrap();
        code_of(key.into())
    }

    /// Adds a member of the staff who signs in.
    pub async fn member(&self, name: &str, role: Role) -> Browser<'_> {
        let address = format!("{}@npoc.test", name.to_lowercase());
        self.add_staff(name, &address, role).await;
        Browser::new(self).sign_in(&address).await
    }

    /// Reads the emails to sign in from the folder, in the order in which they were asked for.
    pub fn sign_in_emails(&self) -> Vec<SignInEmail> {
        let mut emails: Vec<_> = self.email_files("sign-in.").into_iter().collect();
        emails.sort_by_key(|(changed, _)| *changed);
        emails.iter().map(|(_, raw)| SignInEmail::read(raw)).collect()
    }

    fn email_files(&self, start: &str) -> Vec<(std::time::SystemTime, Vec<u8>)> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(start));
        named
            .map(|entry| {
                (
                    entry.metadata().unwrap().modified().unwrap(),
                    std::fs::read(entry.path()).unwrap(),
                )
            })
            .collect()
    }

    /// Reads the emails about changes of an application: to its applicant (`applicant`) or to the thread (`staff`), by the
    /// version of the application that they tell of.
    pub fn update(&self, reference: &str, version: i32, to: &str) -> Option<Mail> {
        let path = self.folder.join(format!("{reference}.{version}.{to}.eml"));
        std::fs::read(path).ok().map(|raw| Mail::read(&raw))
    }

    /// Asks for a link to correct an application, and returns its path.
    pub async fn link_to_correct(&self, reference: &str) -> String {
        let status = self.status_path(reference).await;
        let asked = self.post_raw(&format!("{status}/change"), "").await;
        assert_eq!(asked.status, StatusCode::OK, "{}", asked.text_of("main"));
        self.deliver_all().await;
        let mail = self.newest_email(reference, "change-");
        let link = mail.text.lines().find(|line| line.starts_with("http")).unwrap();
        link.trim_start_matches("http://127.0.0.1:8080").to_owned()
    }

    /// Reads the newest email about an application whose name goes on like this.
    pub fn newest_email(&self, reference: &str, start: &str) -> Mail {
        let emails = self.email_files(&format!("{reference}.{start}"));
        let newest = emails.into_iter().max_by_key(|(changed, _)| *changed);
        Mail::read(&newest.unwrap().1)
    }

    /// Returns the path of the page of an application for its applicant.
    pub async fn status_path(&self, reference: &str) -> String {
        let secret: uuid::Uuid = sqlx::query_scalar("SELECT receipt_secret FROM applications WHERE reference = $1")
            .bind(reference)
            .fetch_one(&self.pool)
            .await
            .unwrap();
        format!("/membership/received/{secret}")
    }
}

/// Returns the path of an action on an application.
pub fn path(reference: &str, action: &str) -> String {
    format!("/desk/applications/{reference}/{action}")
}

/// Returns the state and the version of an application.
pub async fn state(site: &TestSite, reference: &str) -> (String, i32) {
    sqlx::query_as("SELECT state, version FROM applications WHERE reference = $1")
        .bind(reference)
        .fetch_one(&site.pool)
        .await
        .unwrap()
}

/// Does an action with the version that the page shows.
pub async fn act(browser: &Browser<'_>, reference: &str, action: &str, fields: &[(&str, &str)]) -> Reply {
    let page = browser.get(&format!("/desk/applications/{reference}")).await;
    let version = page.attributes("input[name=version]", "value").into_iter().next();
    let version = version.unwrap_or_default();
    let fields = [&[("version", version.as_str())], fields].concat();
    browser.post(&path(reference, action), &fields).await
}

/// Does an action that succeeds.
pub async fn done(browser: &Browser<'_>, reference: &str, action: &str, fields: &[(&str, &str)]) {
    let reply = act(browser, reference, action, fields).await;
    assert_eq!(
        reply.status,
        StatusCode::SEE_OTHER,
        "{action}: {}",
        reply.text_of("main")
    );
}

/// Lets a decider not accept an application, and its applicant appeal. Returns the reference.
pub async fn refused_and_appealed(site: &TestSite, decider: &Browser<'_>) -> String {
    let reference = site.apply(&[]).await;
    done(decider, &reference, "review", &[]).await;
    let no = [("decision", "not_accept"), ("reason", REASON)];
    done(decider, &reference, "decide", &no).await;
    let status = site.status_path(&reference).await;
    assert_eq!(site.get(&status).await.text_of("blockquote"), REASON);
    let appeal = "version=3&text=Our+statutes+name+it+in+article+2.";
    let sent = site.post_raw(&format!("{status}/appeal"), appeal).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    reference
}
