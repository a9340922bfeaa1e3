//! A DNS server for tests, over UDP and TCP, whose answers the test chooses.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{SOA, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// The most aliases that one answer follows.
const MAX_ALIASES: usize = 8;

/// The answer to a question.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Records of the type that is asked for. None says that the name has no such record.
    Records(Vec<RData>),
    /// The same over TCP. Over UDP the answer is truncated to nothing.
    OverTcp(Vec<RData>),
    /// The name does not exist.
    NoSuchName,
    /// This response code, without records.
    Code(ResponseCode),
    /// A zone and its name server, without an answer.
    Referral(&'static str, &'static str),
    /// Octets that are no DNS message, after the number of the question.
    Garbage,
    /// No answer.
    Silent,
    /// The answer of another server, which is asked without DNSSEC.
    Forwarded(SocketAddr),
}

impl Answer {
    /// Returns records in the notation of zone files. Names end in a dot.
    pub fn of(kind: RecordType, records: &[&str]) -> Self {
        let parsed = records.iter().map(|text| RData::try_from_str(kind, text).unwrap());
        Self::Records(parsed.collect())
    }

    /// Returns one TXT record for each list of strings.
    pub fn texts(records: &[&[&str]]) -> Self {
        let texts = records.iter().map(|strings| text(strings));
        Self::Records(texts.collect())
    }
}

/// Returns a TXT record of these strings.
pub fn text(strings: &[&str]) -> RData {
    RData::TXT(TXT::new(strings.iter().map(|&string| string.to_owned()).collect()))
}

/// A question that somebody asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name in lower case, without its last dot.
    pub name: String,
    pub kind: RecordType,
    pub is_over_tcp: bool,
}

/// A server on its own address or port. A name that it does not know does not exist.
pub struct NameServer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<HashMap<(String, RecordType), VecDeque<Answer>>>,
    others: Mutex<Option<Answer>>,
    questions: Mutex<Vec<Question>>,
}

impl NameServer {
    pub async fn start() -> Self {
        let [server] = Self::start_at([Ipv4Addr::LOCALHOST]).await;
        server
    }

    /// Starts servers at these addresses with one port, as the name servers of the Internet have.
    pub async fn start_at<const N: usize>(addresses: [Ipv4Addr; N]) -> [Self; N] {
        loop {
            let port = free_port().await;
            let mut sockets = Vec::new();
            for address in addresses {
                let address = SocketAddr::new(IpAddr::V4(address), port);
                sockets.push((TcpListener::bind(address).await, UdpSocket::bind(address).await));
            }
            let bound = sockets.into_iter().map(|(tcp, udp)| Some((tcp.ok()?, udp.ok()?)));
            if let Some(bound) = bound.collect::<Option<Vec<_>>>() {
                let servers = bound.into_iter().map(|(tcp, udp)| Self::serving(tcp, udp));
                return servers.collect::<Vec<_>>().try_into().ok().unwrap();
            }
        }
    }

    fn serving(tcp: TcpListener, udp: UdpSocket) -> Self {
        let address = tcp.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        tokio::spawn(serve_udp(Arc::new(udp), Arc::clone(&shared)));
        let over_tcp = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = tcp.accept().await {
                tokio::spawn(serve_tcp(stream, Arc::clone(&over_tcp)));
            }
        });
        Self { address, shared }
    }

    /// Answers questions of this type about this name with these records, in the notation of zone files.
    pub fn has(&self, name: &str, kind: RecordType, records: &[&str]) {
        self.answer(name, kind, Answer::of(kind, records));
    }

    /// Answers questions of this type about this name.
    pub fn answer(&self, name: &str, kind: RecordType, answer: Answer) {
        self.answer_in_turn(name, kind, [answer]);
    }

    /// Answers the first question with the first answer, and so on. The last answer stays.
    pub fn answer_in_turn(&self, name: &str, kind: RecordType, answers: impl IntoIterator<Item = Answer>) {
        let answers = answers.into_iter().collect();
        self.shared.answers.lock().unwrap().insert((key(name), kind), answers);
    }

    /// Answers all other questions.
    pub fn answer_others(&self, answer: Answer) {
        *self.shared.others.lock().unwrap() = Some(answer);
    }

    /// Returns every question so far.
    pub fn questions(&self) -> Vec<Question> {
        self.shared.questions.lock().unwrap().clone()
    }

    /// Returns how often this was asked.
    pub fn count(&self, name: &str, kind: RecordType) -> usize {
        let asked = self.questions();
        asked.iter().filter(|one| one.name == name && one.kind == kind).count()
    }
}

/// Returns a port that nobody uses now.
pub async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

fn key(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

async fn serve_udp(socket: Arc<UdpSocket>, shared: Arc<Shared>) {
    let mut octets = [0; 4096];
    loop {
        // On Linux an error may be that of an earlier answer whose reader has gone.
        let Ok((length, client)) = socket.recv_from(&mut octets).await else {
            continue;
        };
        let (query, socket, shared) = (octets[..length].to_vec(), Arc::clone(&socket), Arc::clone(&shared));
        tokio::spawn(async move {
            if let Some(response) = shared.respond(&query, false).await {
                drop(socket.send_to(&response, client).await);
            }
        });
    }
}

async fn serve_tcp(mut stream: TcpStream, shared: Arc<Shared>) -> Option<()> {
    loop {
        let length = stream.read_u16().await.ok()?;
        let mut query = vec![0; usize::from(length)];
        stream.read_exact(&mut query).await.ok()?;
        let Some(response) = shared.respond(&query, true).await else {
            return std::future::pending().await;
        };
        stream.write_u16(response.len().try_into().unwrap()).await.ok()?;
        stream.write_all(&response).await.ok()?;
    }
}

impl Shared {
    async fn respond(&self, octets: &[u8], is_over_tcp: bool) -> Option<Vec<u8>> {
        let query = Message::from_vec(octets).ok()?;
        let asked = query.queries.first()?.clone();
        let (name, kind) = (asked.name().clone(), asked.query_type());
        self.questions.lock().unwrap().push(Question {
            name: key(&name.to_ascii()),
            kind,
            is_over_tcp,
        });
        let mut response = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
        response.metadata.recursion_desired = query.metadata.recursion_desired;
        response.metadata.recursion_available = true;
        response.add_query(asked);
        match self.follow(&mut response, name, kind) {
            Answer::Silent => return None,
            Answer::Garbage => return Some([&octets[..2], &[0xff; 40]].concat()),
            Answer::Forwarded(server) => return forward(&query, server).await,
            Answer::OverTcp(_) if !is_over_tcp => return response.truncate().to_vec().ok(),
            _ => {}
        }
        let whole = response.to_vec().unwrap();
        if is_over_tcp || whole.len() <= usize::from(query.max_payload()) {
            Some(whole)
        } else {
            response.truncate().to_vec().ok()
        }
    }

    /// Writes an answer with the aliases that lead to it. Returns the last part.
    fn follow(&self, response: &mut Message, mut name: Name, kind: RecordType) -> Answer {
        for _ in 0..MAX_ALIASES {
            let alias = (kind != RecordType::CNAME).then(|| self.next(&name, RecordType::CNAME));
            let Some(Some(Answer::Records(alias))) = alias else {
                break;
            };
            for target in alias {
                response.add_answer(Record::from_rdata(name.clone(), 60, target.clone()));
                if let RData::CNAME(target) = target {
                    name = target.0;
                }
            }
        }
        let answer = self.next(&name, kind).unwrap_or_else(|| self.other(&name));
        write(response, &name, &answer);
        answer
    }

    fn next(&self, name: &Name, kind: RecordType) -> Option<Answer> {
        let mut all = self.answers.lock().unwrap();
        let answers = all.get_mut(&(key(&name.to_ascii()), kind))?;
        if answers.len() > 1 {
            answers.pop_front()
        } else {
            answers.front().cloned()
        }
    }

    /// Returns the answer to a question that the test did not mention.
    fn other(&self, name: &Name) -> Answer {
        let name = key(&name.to_ascii());
        let is_known = self.answers.lock().unwrap().keys().any(|(known, _)| *known == name);
        let others = self.others.lock().unwrap().clone();
        let absence = if is_known {
            Answer::Records(Vec::new())
        } else {
            Answer::NoSuchName
        };
        others.unwrap_or(absence)
    }
}

fn write(response: &mut Message, name: &Name, answer: &Answer) {
    match answer {
        Answer::Records(records) | Answer::OverTcp(records) if !records.is_empty() => {
            let records = records.iter().cloned();
            response.add_answers(records.map(|data| Record::from_rdata(name.clone(), 60, data)));
        }
        Answer::Records(_) | Answer::OverTcp(_) => write_soa(response, name),
        Answer::NoSuchName => {
            response.metadata.response_code = ResponseCode::NXDomain;
            write_soa(response, name);
        }
        Answer::Code(code) => response.metadata.response_code = *code,
        Answer::Referral(zone, server) => {
            let server = RData::try_from_str(RecordType::NS, server).unwrap();
            response.metadata.recursion_available = false;
            response.add_authority(Record::from_rdata(Name::from_ascii(zone).unwrap(), 60, server));
        }
        Answer::Garbage | Answer::Silent | Answer::Forwarded(_) => {}
    }
}

/// Writes the SOA that tells an absence from a referral.
fn write_soa(response: &mut Message, name: &Name) {
    let (server, person) = (
        Name::from_ascii("ns.test.").unwrap(),
        Name::from_ascii("admin.test.").unwrap(),
    );
    let soa = SOA::new(server, person, 1, 3600, 600, 86_400, 60);
    response.add_authority(Record::from_rdata(name.base_name(), 60, RData::SOA(soa)));
}

/// Asks another server over UDP, without EDNS and so without DNSSEC, as old routers do.
async fn forward(query: &Message, server: SocketAddr) -> Option<Vec<u8>> {
    let mut plain = Message::new(query.metadata.id, MessageType::Query, OpCode::Query);
    plain.metadata.recursion_desired = true;
    plain.add_queries(query.queries.iter().cloned());
    let socket = UdpSocket::bind("127.0.0.1:0").await.ok()?;
    socket.send_to(&plain.to_vec().ok()?, server).await.ok()?;
    let mut octets = vec![0; 4096];
    let length = socket.recv(&mut octets).await.ok()?;
    octets.truncate(length);
    Some(octets)
}
