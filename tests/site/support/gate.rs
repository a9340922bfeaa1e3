//! A proxy before a PostgreSQL server that a test opens, closes and redirects, as a network may do.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// The destination of connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// The server with its socket in this directory.
    To(PathBuf),
    /// None: every connection is closed at once.
    Closed,
    /// Silence: connections are accepted and never answered.
    Silent,
    /// As [`Self::To`], but earlier connections hang and are never closed.
    Swallowing(PathBuf),
    /// As [`Self::To`], but earlier connections stay, as with a DNS name or proxy that follows the primary late.
    NewTo(PathBuf),
}

/// A port before a server.
pub struct Gate {
    pub port: u16,
    way: Arc<watch::Sender<Led>>,
    /// Held by every connection that still uses the previous way.
    late: Mutex<Weak<()>>,
}

/// A way, with a counter of its connections.
#[derive(Clone)]
struct Led {
    way: Way,
    carried: Arc<()>,
}

impl Led {
    fn by(way: Way) -> Self {
        Self {
            way,
            carried: Arc::default(),
        }
    }
}

impl Gate {
    pub async fn at(way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = Arc::new(watch::Sender::new(Led::by(way)));
        let ways = Arc::clone(&way);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, ways.subscribe()));
            }
        });
        let late = Mutex::default();
        Self { port, way, late }
    }

    /// Changes the way. Closes the current connections, unless the new way keeps them.
    pub fn lead(&self, way: Way) {
        let before = self.way.send_replace(Led::by(way));
        *self.late.lock().unwrap() = Arc::downgrade(&before.carried);
    }

    /// Waits until no connection uses the way from before the last [`Self::lead`].
    pub async fn led(&self) {
        while self.late.lock().unwrap().strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Returns the address for `DATABASE_URL`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://npoc@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }
}

async fn pass(mut client: TcpStream, mut way: watch::Receiver<Led>) {
    let Led { way: now, carried } = way.borrow_and_update().clone();
    let is_swallowed = {
        let passing = follow(&mut client, now);
        tokio::pin!(passing);
        loop {
            tokio::select! { () = &mut passing => break false, _ = way.changed() => {} }
            match way.borrow().way {
                Way::NewTo(_) => {}
                Way::Swallowing(_) => break true,
                _ => break false,
            }
        }
    };
    if is_swallowed {
        drop(carried);
        return std::future::pending().await;
    }
    // Before `carried` is dropped: a count of zero means that every connection is closed.
    drop(client);
}

async fn follow(client: &mut TcpStream, way: Way) {
    match way {
        Way::To(directory) | Way::Swallowing(directory) | Way::NewTo(directory) => {
            drop(connect(client, &directory).await);
        }
        Way::Closed => {}
        Way::Silent => std::future::pending().await,
    }
}

async fn connect(client: &mut TcpStream, directory: &Path) -> std::io::Result<()> {
    let mut server = UnixStream::connect(directory.join(".s.PGSQL.5432")).await?;
    tokio::io::copy_bidirectional(client, &mut server).await.map(drop)
}
