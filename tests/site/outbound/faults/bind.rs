//! BIND with a signed root of the test's own, as an ordinary user in a temporary folder.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::process::until;

const SERVER: &str = "/usr/sbin/named";

/// The zones below the root: their names, and how each is signed.
const ZONES: [(&str, Signing); 6] = [
    ("signed.example", Signing::Valid),
    ("hashed.example", Signing::Hashed),
    ("unsigned.example", Signing::None),
    ("broken.example", Signing::Broken),
    ("expired.example", Signing::Expired),
    ("removed.example", Signing::Removed),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Signing {
    Valid,
    /// Absent names are proved by their hashes (NSEC3).
    Hashed,
    None,
    /// A record was changed after it was signed.
    Broken,
    Expired,
    /// The parent zone says that it is signed, and it is not.
    Removed,
}

/// Whether a resolver verifies signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    On,
    Off,
}

/// A running server. Dropping it kills the process.
pub struct Named {
    pub address: SocketAddr,
    process: Child,
}

impl Drop for Named {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A signed root with zones below it. The folder is removed with it, so it must live longer than its servers.
pub struct Root {
    folder: TempDir,
}

impl Root {
    /// Makes keys, and signs the zones.
    pub fn signed() -> Self {
        let root = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for (zone, signing) in ZONES {
            root.write(zone, "www A 192.0.2.1\nalias CNAME www\nlost CNAME nowhere\n");
            root.sign(zone, signing);
        }
        let delegations = ZONES.map(|(zone, _)| format!("{zone}. NS ns.test.\n"));
        root.write(".", &format!("ns.test. A 127.0.0.1\n{}", delegations.concat()));
        root.sign(".", Signing::Valid);
        root
    }

    /// Returns the file with the root's key.
    pub fn keys(&self) -> PathBuf {
        let key = self.key_of(".");
        self.folder.path().join(format!("{key}.key"))
    }

    /// Starts the name server of all zones.
    pub fn name_server(&self) -> Named {
        let zones = ZONES.iter().map(|(zone, _)| *zone).chain(["."]);
        let zones = zones.map(|zone| format!("zone \"{zone}\" {{ type primary; file \"{}\"; }};\n", file_of(zone)));
        self.run("recursion no; dnssec-validation no;", &zones.collect::<String>())
    }

    /// Starts a resolver that asks this server.
    pub fn resolver(&self, server: SocketAddr, validation: Validation) -> Named {
        let validates = if validation == Validation::On { "yes" } else { "no" };
        let options = format!(
            "recursion yes; dnssec-validation {validates}; forward only; forwarders {{ 127.0.0.1 port {}; }};",
            server.port()
        );
        let key = fs::read_to_string(self.keys()).unwrap();
        let key = key.lines().find_map(|line| line.strip_prefix(". IN DNSKEY ")).unwrap();
        let numbers: Vec<_> = key.splitn(4, ' ').collect();
        let [flags, protocol, algorithm, key] = numbers[..] else {
            unreachable!()
        };
        let anchor = format!("trust-anchors {{ . static-key {flags} {protocol} {algorithm} \"{key}\"; }};\n");
        self.run(&options, &anchor)
    }

    fn write(&self, zone: &str, records: &str) {
        let head = "$TTL 60\n@ SOA ns.test. hostmaster.test. 1 3600 600 86400 60\n@ NS ns.test.\n";
        let text = "@ TXT \"npoc-verification=token\"\n";
        fs::write(self.folder.path().join(file_of(zone)), format!("{head}{text}{records}")).unwrap();
    }

    fn sign(&self, zone: &str, signing: Signing) {
        if signing == Signing::None {
            return;
        }
        self.make("dnssec-keygen", &["-q", "-a", "ECDSAP256SHA256", "-f", "KSK", zone]);
        let (file, path) = (file_of(zone), self.folder.path().join(file_of(zone)));
        let unsigned = fs::read_to_string(&path).unwrap();
        let how: &[&str] = match signing {
            Signing::Expired => &["-s", "20200101000000", "-e", "20200201000000"],
            Signing::Hashed => &["-3", "-"],
            _ => &[],
        };
        let arguments = ["-q", "-S", "-z", "-g", "-P", "-o", zone, "-f", &file];
        self.make("dnssec-signzone", &[&arguments, how, &[&file]].concat());
        let signed = fs::read_to_string(&path).unwrap();
        let served = match signing {
            Signing::Removed => unsigned,
            Signing::Broken => signed
                .replace("hostmaster.test.", "postmaster.test.")
                .replace("verification=token", "verification=other"),
            _ => signed,
        };
        fs::write(path, served).unwrap();
    }

    fn make(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.folder).stderr(Stdio::piped());
        let output = command
            .output()
            .expect("bind9 or bind9-utils is missing: bin/faults installs it");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
    }

    /// Returns the name of a zone's key, as in `Kexample.+013+12345`.
    fn key_of(&self, zone: &str) -> String {
        let start = format!("K{}.+", zone.trim_end_matches('.'));
        let names = fs::read_dir(&self.folder).unwrap();
        let mut names = names.map(|file| file.unwrap().file_name().into_string().unwrap());
        let found = names.find_map(|name| {
            name.strip_suffix(".key")
                .filter(|key| key.starts_with(&start))
                .map(str::to_owned)
        });
        found.unwrap()
    }

    /// Starts a server. Tries other ports if another program takes the one that was free.
    fn run(&self, options: &str, rest: &str) -> Named {
        let mut log = String::new();
        for _ in 0..5 {
            match self.try_to_run(options, rest) {
                Ok(named) => return named,
                Err(said) => log = said,
            }
        }
        unreachable!("BIND ends at once: {log}");
    }

    /// Returns the log if the server ends.
    fn try_to_run(&self, options: &str, rest: &str) -> Result<Named, String> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let home = self.folder.path().join(port.to_string());
        fs::create_dir(&home).unwrap();
        let (settings, log) = (home.join("named.conf"), home.join("log"));
        let text = format!(
            "options {{ directory \"{folder}\"; pid-file none; session-keyfile \"{home}/session.key\"; {options}\n\
             listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; allow-query {{ any; }};\n\
             notify no; empty-zones-enable no; managed-keys-directory \"{home}\"; }};\ncontrols {{ }};\n{rest}",
            folder = self.folder.path().display(),
            home = home.display(),
        );
        fs::write(&settings, text).unwrap();
        // AppArmor lets the program at its usual path read only its usual folders. Another process copies it: a file that this
        // process writes cannot be run while a fork of another test has it open.
        let program = home.join("named");
        self.make("cp", &[SERVER, program.to_str().unwrap()]);
        let mut command = Command::new(program);
        command.arg("-f").stdin(Stdio::null());
        command.arg("-L").arg(&log).arg("-c").arg(&settings);
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        let process = command.spawn().unwrap();
        let mut named = Named { address, process };
        let said = || fs::read_to_string(&log).unwrap_or_default();
        let mut has_ended = false;
        until(|| {
            has_ended = named.process.try_wait().unwrap().is_some();
            has_ended || said().lines().any(|line| line.ends_with(" running"))
        });
        if has_ended { Err(said()) } else { Ok(named) }
    }
}

fn file_of(zone: &str) -> String {
    format!("zone-{}", zone.replace('.', "-"))
}
