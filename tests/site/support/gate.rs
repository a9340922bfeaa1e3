//! A way to a PostgreSQL server that a test opens, closes and leads elsewhere: what a network does.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// Where a connection leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the server with its socket in this directory.
    To(PathBuf),
    /// Nowhere: every connection ends at once.
    Closed,
    /// Into silence: connections are taken and never answered.
    Silent,
    /// As [`Self::To`], but what was connected before is swallowed and never ended.
    Anew(PathBuf),
    /// As [`Self::To`], but what was connected before stays where it is: a name or a proxy that follows the primary late.
    NewTo(PathBuf),
}

/// A port of its own, in front of a server.
pub struct Gate {
    pub port: u16,
    way: Arc<watch::Sender<Way>>,
}

impl Gate {
    pub async fn at(way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = Arc::new(watch::Sender::new(way));
        let ways = Arc::clone(&way);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, ways.subscribe()));
            }
        });
        Self { port, way }
    }

    /// Ends every connection, unless it is swallowed, and leads the next ones there.
    pub fn lead(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// As `DATABASE_URL` has it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://npoc@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }
}

async fn pass(mut client: TcpStream, mut way: watch::Receiver<Way>) {
    let now = way.borrow_and_update().clone();
    let passing = async {
        match now {
            Way::To(directory) | Way::Anew(directory) | Way::NewTo(directory) => {
                drop(connect(&mut client, &directory).await);
            }
            Way::Closed => {}
            Way::Silent => std::future::pending().await,
        }
    };
    tokio::pin!(passing);
    loop {
        tokio::select! { () = &mut passing => return, _ = way.changed() => {} }
        let new = way.borrow().clone();
        match new {
            Way::NewTo(_) => {}
            Way::Anew(_) => std::future::pending().await,
            _ => return,
        }
    }
}

async fn connect(client: &mut TcpStream, directory: &Path) -> std::io::Result<()> {
    let mut server = UnixStream::connect(directory.join(".s.PGSQL.5432")).await?;
    tokio::io::copy_bidirectional(client, &mut server).await.map(drop)
}
