//! From the first words to being here: hello, proof, sign-in.
//!
//! The last step of every sign-in runs on the write path, so that a connection hears everything committed after the
//! rooms it was told, and nothing twice. What a peer claims of itself decides nothing.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::{
    Change, CloseCode, DeviceId, ErrorCode, Event, MemberId, Progress, Reading, Registration, Reply, Role,
    Room, RoomId, RoomRole, Secret, SignIn, SignedIn, Standing, UnixMillis, Visibility, Welcome, limits,
};
use tokio::sync::oneshot;
use uuid::Uuid;
use vault::rusqlite::Connection;

use crate::budget::{Exiled, Source, Tried};
use crate::config::SecondFactor;
use crate::enrolment;
use crate::error::Refusal;
use crate::forward;
use crate::handler::accounts::name_taken;
use crate::handler::invites::open_rooms;
use crate::handler::rooms::bring_in;
use crate::handler::second_factor;
use crate::host::Host;
use crate::hub::{Hub, Outlet, Seat};
use crate::names::{fold, is_reserved};
use crate::network::{is_here, is_near};
use crate::offload::Asker;
use crate::second_factor::Code;
use crate::store::table::{
    audits, events, forwards, host, invites, marks, members, passwords, rooms, second_factors, sessions,
};
use crate::store::{Denied, now, stopping};
use crate::token;

/// The room that everyone comes into.
const FIRST_ROOM: &str = "general";

/// Who speaks, as far as the socket tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// Where from.
    pub(crate) address: IpAddr,
    /// Whether a proxy passed this on, so that the address tells nothing of the person.
    pub(crate) proxied: bool,
}

impl Peer {
    fn is_near(&self) -> bool {
        !self.proxied && is_near(self.address)
    }

    /// Whether it is a program on this computer.
    fn is_here(&self) -> bool {
        !self.proxied && is_here(self.address)
    }

    /// Whether it could be anybody: a proxy of which the operator has said nothing does not say who speaks.
    pub(crate) fn is_anyone(&self) -> bool {
        self.proxied && is_here(self.address)
    }

    /// Whether it has the host to itself.
    pub(crate) fn is_spared(&self, host: &Host) -> bool {
        self.is_here() && host.limits().spare_this_computer
    }

    /// From which place, if that can be told.
    fn source(&self) -> Option<Source> {
        (!self.is_anyone()).then(|| self.address.into())
    }

    fn asker(&self) -> Asker {
        if self.is_here() { Asker::Here } else { Asker::Source(self.address.into()) }
    }
}

/// A signed-in connection. Dropping it is its departure.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) seat: Seat,
    pub(crate) member: MemberId,
    pub(crate) device: DeviceId,
}

/// Who a peer says it is, and by what it can be known.
pub(crate) struct Claim {
    pub(crate) by: SignIn,
    pub(crate) device: String,
    pub(crate) session: Option<Secret>,
    pub(crate) code: Option<Secret>,
}

/// The answer to a hello.
pub(crate) fn welcome(host: &Host, peer: Peer, nonce: &str) -> Result<Reply, Refusal> {
    let nonce = URL_SAFE_NO_PAD.decode(nonce).ok().filter(|nonce| nonce.len() == limits::NONCE_BYTES);
    let nonce =
        nonce.ok_or_else(|| Refusal::field("nonce", "is not 32 bytes in base64url without padding"))?;
    let proof = host.identity.prove(&nonce).ok_or_else(Refusal::internal)?;
    Ok(Reply::Welcome(Welcome {
        host: host.card(),
        public_key: host.identity.public_key(),
        moved: host.moved.load_full().map(|moved| (*moved).clone()),
        proof,
        registration: host.registration_for(peer.is_near()),
        heartbeat_ms: u32::try_from(host.config.timeouts.heartbeat.as_millis())
            .unwrap_or(limits::HEARTBEAT_MS),
    }))
}

/// Signs a peer in and answers `req`; a refusal is the caller's to answer.
pub(crate) async fn sign_in(
    host: Arc<Host>,
    peer: Peer,
    outlet: Arc<Outlet>,
    req: u32,
    Claim { by, device, session, code }: Claim,
) -> Result<Admission, Refusal> {
    if let Some(moved) = host.moved.load_full() {
        return Err(forward::refusal(&moved));
    }
    let device = limits::check_name(&device).map_err(|problem| Refusal::field("device", problem))?.to_owned();
    let chosen = session.is_some();
    // Where a token was wrong before, a reader looks first: whoever guesses keeps no one from writing.
    if let SignIn::Session { token } = &by
        && !chosen
        && !host.has_failed(peer.address)
    {
        return resume(host, peer, outlet, req, (token::hash(token), device)).await;
    }
    let token = match session {
        Some(session) => token::chosen(session)
            .ok_or_else(|| Refusal::field("session", "is not 32 bytes in base64url without padding"))?,
        None => token::fresh()?,
    };
    let way = match by {
        _ if chosen && let Some(member) = session_of(&host, token.1).await? => Way::Session(token.1, member),
        SignIn::Password { name, password } => {
            Way::Known(by_password(&host, peer, (&name, &password), code).await?)
        }
        SignIn::Session { token } => by_session(&host, peer, &token).await?,
        SignIn::Invite { token, name, password } => by_invite(&host, peer, &token, name, password).await?,
        SignIn::Register { name, password } => by_registration(&host, peer, name, password).await?,
    };
    let known = match &way {
        Way::Known(known) => Some((known.member, known.tried.clone(), known.code.is_some())),
        _ => None,
    };
    let welcome = way.member().filter(|_| !peer.is_spared(&host)).map(|member| check_welcome(&host, member));
    let entered = match welcome.unwrap_or(Ok(())) {
        Ok(()) => {
            let seen = (device, peer.address.to_string());
            enter(Arc::clone(&host), outlet, req, (way, token), seen, peer.is_spared(&host)).await
        }
        Err(refusal) => Err(refusal),
    };
    // What was right gives its attempts back.
    if let Some((member, tried, coded)) = known
        && entered.as_ref().err().is_none_or(|refusal| refusal.code != ErrorCode::WrongCode)
    {
        host.attempt_was_good(peer.address, Some(&tried));
        if coded {
            host.attempt_by_code_was_good(member);
        }
    }
    entered
}

/// Signs in a device that was here before. The write path alone looks for its session: many come back at once, and two
/// looks would cost twice.
async fn resume(
    host: Arc<Host>,
    peer: Peer,
    outlet: Arc<Outlet>,
    req: u32,
    (hash, device): ([u8; 32], String),
) -> Result<Admission, Refusal> {
    let address = peer.address.to_string();
    let door = (!peer.is_spared(&host)).then(|| Arc::clone(&host));
    let work = move |conn: &Connection| {
        let check = |member| door.as_ref().map_or(Ok(()), |host| check_welcome(host, member));
        write_return(conn, &hash, (&device, &address), now(), check)
    };
    let entered = commit_entry(Arc::clone(&host), outlet, req, peer.is_spared(&host), work).await;
    if entered.as_ref().is_err_and(|refusal| refusal.code == ErrorCode::SessionEnded) {
        // Guessing 256 bits is hopeless; trying is still counted.
        host.attempt_from(peer.address)?;
    }
    entered
}

/// `check` says whether the member may come in.
fn write_return(
    conn: &Connection,
    hash: &[u8; 32],
    seen: (&str, &str),
    now: UnixMillis,
    check: impl Fn(MemberId) -> Result<(), Refusal>,
) -> Result<Entered, Denied> {
    if forwards::any(conn)? {
        return Err(stopping().into());
    }
    let (member, device) = sessions::by_token(conn, hash)?.ok_or_else(session_ended)?;
    check(member)?;
    sessions::seen(conn, device, seen, now)?;
    entered(conn, (member, device), None, Vec::new())
}

/// Whose session this is. If the token was chosen, the answer to an earlier try was lost: what it made is there.
async fn session_of(host: &Host, hash: [u8; 32]) -> Result<Option<MemberId>, Refusal> {
    Ok(host.read(move |conn| Ok(sessions::by_token(conn, &hash)?)).await?.map(|(member, _)| member))
}

/// Whether a member may have one more connection now.
fn check_welcome(host: &Host, member: MemberId) -> Result<(), Refusal> {
    host.may_come(Exiled::Member(member))?;
    check_place(host, member)
}

/// Whether a member has fewer connections than they may have.
fn check_place(host: &Host, member: MemberId) -> Result<(), Refusal> {
    let most = host.limits().connections_per_member as usize;
    if most > 0 && host.hub.connections_of(member) >= most {
        // Those that are cut off without a word are gone by then.
        return Err(Refusal::wait(host.config.timeouts.lease));
    }
    Ok(())
}

/// A way in that has been checked as far as it can be outside the transaction.
enum Way {
    Known(Known),
    Session([u8; 32], MemberId),
    Invite([u8; 32], Account),
    /// The way back in from the machine's own command line; of the account, only the password counts.
    Recovery([u8; 32], Account),
    Registration(Account),
}

impl Way {
    /// Whose it is, if they are a member already.
    fn member(&self) -> Option<MemberId> {
        match self {
            Self::Known(Known { member, .. }) | Self::Session(_, member) => Some(*member),
            Self::Invite(..) | Self::Recovery(..) | Self::Registration(_) => None,
        }
    }
}

/// An account to be.
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) password_hash: Option<String>,
}

/// A member whose password was right, as it was then; the code is for the transaction to use up.
struct Known {
    member: MemberId,
    tried: Tried,
    hash: String,
    code: Option<Option<Code>>,
}

async fn by_password(
    host: &Host,
    peer: Peer,
    (name, password): (&str, &Secret),
    code: Option<Secret>,
) -> Result<Known, Refusal> {
    let folded = fold(name.trim());
    if folded.len() > limits::NAME_CHARS * 8 || password.0.len() > limits::PASSWORD_MAX_BYTES {
        return Err(wrong_credentials());
    }
    host.attempt_from(peer.address)?;
    let (asked, source) = (folded.clone(), peer.source());
    let found = host.read(move |conn| {
        let Some(member) = members::by_name(conn, &asked)? else { return Ok((None, None)) };
        let at_home = is_at_home(conn, member.id, source)?.then_some(source).flatten();
        let (hash, asks) = (passwords::of(conn, member.id)?, second_factors::is_on(conn, member.id)?);
        Ok((Some((member.id, hash, asks)), at_home))
    });
    let (found, at_home) = found.await?;
    let tried = Tried { account: folded, at_home };
    host.attempt_at(&tried)?;
    let stored = found.as_ref().and_then(|(_, stored, _)| stored.clone());
    if !host.hashing.verify(&host.limits(), peer.asker(), password, stored).await? {
        return Err(wrong_credentials());
    }
    let Some((member, Some(hash), asks)) = found else { return Err(wrong_credentials()) };
    let code = match code {
        None if asks => {
            host.attempt_was_good(peer.address, Some(&tried));
            return Err(second_factor_required());
        }
        Some(typed) if asks => {
            host.attempt_by_code(member)?;
            Some(Code::read(&typed))
        }
        _ => None,
    };
    Ok(Known { member, tried, hash, code })
}

/// Whether a device of `member` comes from where somebody speaks.
fn is_at_home(conn: &Connection, member: MemberId, source: Option<Source>) -> Result<bool, Denied> {
    let addresses = sessions::addresses(conn, member)?;
    let mut sources = addresses.iter().filter_map(|address| Some(address.parse::<IpAddr>().ok()?.into()));
    Ok(source.is_some_and(|source| sources.any(|known: Source| known == source)))
}

/// Whether what was right a moment ago still is, and the code with it, which is used up.
fn check_known(conn: &Connection, known: Known) -> Result<MemberId, Denied> {
    let member = known.member;
    if passwords::of(conn, member)? != Some(known.hash) {
        return Err(wrong_credentials().into());
    }
    match (second_factors::is_on(conn, member)?, known.code) {
        (false, _) => Ok(member),
        (true, None) => Err(second_factor_required().into()),
        (true, Some(code)) => second_factor::spend(conn, member, code).map(|()| member),
    }
}

async fn by_session(host: &Host, peer: Peer, token: &Secret) -> Result<Way, Refusal> {
    let hash = token::hash(token);
    let Some(member) = session_of(host, hash).await? else {
        // Guessing 256 bits is hopeless; trying is still counted.
        host.attempt_from(peer.address)?;
        return Err(session_ended());
    };
    Ok(Way::Session(hash, member))
}

async fn by_invite(
    host: &Host,
    peer: Peer,
    token: &Secret,
    name: String,
    password: Option<Secret>,
) -> Result<Way, Refusal> {
    host.attempt_from(peer.address)?;
    check_account(host, &name, password.as_ref())?;
    let hash = token::hash(token);
    let asked = name.clone();
    let recovers = host.read(move |conn| {
        let recovers = usable(conn, &hash)?.recovers.is_some();
        if !recovers {
            check_free(conn, &asked)?;
        }
        Ok(recovers)
    });
    let recovers = recovers.await?;
    if recovers && password.is_none() {
        return Err(Refusal::field("password", "is needed: it becomes the account's new one"));
    }
    let account = account(host, peer, name, password).await?;
    host.attempt_was_good(peer.address, None);
    Ok(if recovers { Way::Recovery(hash, account) } else { Way::Invite(hash, account) })
}

async fn by_registration(
    host: &Host,
    peer: Peer,
    name: String,
    password: Option<Secret>,
) -> Result<Way, Refusal> {
    if host.registration_for(peer.is_near()) != Registration::Open {
        return Err(registration_closed());
    }
    host.attempt_from(peer.address)?;
    check_account(host, &name, password.as_ref())?;
    let asked = name.clone();
    host.read(move |conn| check_free(conn, &asked)).await?;
    let account = account(host, peer, name, password).await?;
    host.attempt_was_good(peer.address, None);
    Ok(Way::Registration(account))
}

fn check_account(host: &Host, name: &str, password: Option<&Secret>) -> Result<(), Refusal> {
    host.limits().name(name)?;
    if let Some(password) = password {
        limits::check_password(&password.0).map_err(|problem| Refusal::field("password", problem))?;
    }
    Ok(())
}

/// An account that may be made from where `peer` is, its password hashed.
async fn account(
    host: &Host,
    peer: Peer,
    name: String,
    password: Option<Secret>,
) -> Result<Account, Refusal> {
    if !peer.is_spared(host) {
        host.joins_from(peer.address)?;
    }
    let password_hash = match password {
        Some(password) => Some(host.hashing.hash(&host.limits(), peer.asker(), &password).await?),
        None => None,
    };
    Ok(Account { name: name.trim().to_owned(), password_hash })
}

/// What a sign-in has made or found, committed.
struct Entered {
    member: members::Row,
    device: DeviceId,
    token: Option<Secret>,
    rooms: Vec<Room>,
    has_password: bool,
    progress: Vec<Progress>,
    /// What the new account did to the rooms' logs; empty for one that was there before.
    events: Vec<Event>,
    /// Sessions that are over by it.
    ended: Vec<DeviceId>,
    /// Of whom a second factor was asked, and whether it is missing here.
    asked: (SecondFactor, bool),
}

async fn enter(
    host: Arc<Host>,
    outlet: Arc<Outlet>,
    req: u32,
    (way, token): (Way, (Secret, [u8; 32])),
    (device, address): (String, String),
    spared: bool,
) -> Result<Admission, Refusal> {
    let work = move |conn: &Connection| write_entry(conn, way, (&device, &address), token, now());
    commit_entry(host, outlet, req, spared, work).await
}

/// Lets in whom `work` has written or found, after the commit.
async fn commit_entry(
    host: Arc<Host>,
    outlet: Arc<Outlet>,
    req: u32,
    spared: bool,
    work: impl FnOnce(&Connection) -> Result<Entered, Denied> + Send + 'static,
) -> Result<Admission, Refusal> {
    let (answer, admitted) = oneshot::channel();
    let (shared, asking) = (Arc::clone(&host), Arc::clone(&host));
    let work = move |conn: &Connection| {
        let entered = work(conn)?;
        let asked = asking.live.load().second_factor;
        let missing = enrolment::is_missing(conn, asked, (entered.member.id, entered.member.role))?;
        Ok(Entered { asked: (asked, missing), ..entered })
    };
    let then = move |entered: Result<Entered, Refusal>, hub: &Arc<Hub>| {
        let entered = entered.and_then(|entered| match spared {
            // Of many at once, each found a place before the others had taken it.
            false if entered.token.is_none() => check_place(&shared, entered.member.id).map(|()| entered),
            _ => Ok(entered),
        });
        // If the connection ended meanwhile, the admission comes back and its drop is the departure.
        drop(answer.send(entered.map(|entered| admit(&shared, hub, &outlet, req, entered))));
    };
    host.committer.commit(work, then).await?;
    admitted.await.unwrap_or_else(|_| Err(stopping()))
}

fn write_entry(
    conn: &Connection,
    way: Way,
    seen: (&str, &str),
    (token, hash_of_token): (Secret, [u8; 32]),
    now: UnixMillis,
) -> Result<Entered, Denied> {
    // Once more, where nothing can come between: who is let in here could write what the new place never sees.
    if forwards::any(conn)? {
        return Err(stopping().into());
    }
    // Of two tries at once, the second finds what the first has made.
    let way = match sessions::by_token(conn, &hash_of_token)? {
        Some((member, _)) => Way::Session(hash_of_token, member),
        None => way,
    };
    let (member, events) = match way {
        Way::Session(hash, _) => {
            let (member, device) = sessions::by_token(conn, &hash)?.ok_or_else(session_ended)?;
            sessions::seen(conn, device, seen, now)?;
            return entered(conn, (member, device), None, Vec::new());
        }
        Way::Known(known) => (check_known(conn, known)?, Vec::new()),
        Way::Invite(hash, account) => {
            let invite = usable(conn, &hash)?;
            invites::use_once(conn, invite.id)?;
            let name = account.name.clone();
            let made = write_account(conn, account, invite.role, &rooms_of(conn, &invite)?, now)?;
            audits::note(
                conn,
                Some(made.0),
                "account made",
                &format!("{name} by invite {}", invite.id),
                now,
            )?;
            made
        }
        Way::Recovery(hash, account) => {
            let invite = usable(conn, &hash)?;
            invites::use_once(conn, invite.id)?;
            return recover(conn, invite.recovers, account, (seen, token, hash_of_token), now);
        }
        Way::Registration(account) => {
            // It may have been closed while the password was hashed.
            if !members::has_owner(conn)? || host::registration_of(conn)? != Registration::Open {
                return Err(registration_closed().into());
            }
            let name = account.name.clone();
            let made = write_account(conn, account, Role::Member, &[], now)?;
            audits::note(conn, Some(made.0), "account made", &format!("{name} by registration"), now)?;
            made
        }
    };
    let device = DeviceId(Uuid::now_v7());
    sessions::insert(conn, (member, device), &hash_of_token, seen, now)?;
    entered(conn, (member, device), Some(token), events)
}

/// Lets in whoever runs the machine as the account `member`: with a new password, without a second factor, and alone.
fn recover(
    conn: &Connection,
    member: Option<MemberId>,
    account: Account,
    (seen, token, hash): ((&str, &str), Secret, [u8; 32]),
    now: UnixMillis,
) -> Result<Entered, Denied> {
    let (Some(member), Some(password)) = (member, account.password_hash) else {
        return Err(Refusal::internal().into());
    };
    if members::by_id(conn, member)?.is_none_or(|row| row.role != Role::Owner) {
        let message = "the host has another owner since the link was made; ask for a new one";
        return Err(Refusal::new(ErrorCode::InviteRevoked, message).into());
    }
    let ended = sessions::remove_all(conn, member)?;
    passwords::set(conn, member, &password, now)?;
    second_factors::remove(conn, member)?;
    let device = DeviceId(Uuid::now_v7());
    sessions::insert(conn, (member, device), &hash, seen, now)?;
    let entered = entered(conn, (member, device), Some(token), Vec::new())?;
    audits::note(conn, Some(member), "account recovered", &entered.member.name, now)?;
    Ok(Entered { ended, ..entered })
}

fn entered(
    conn: &Connection,
    (member, device): (MemberId, DeviceId),
    token: Option<Secret>,
    events: Vec<Event>,
) -> Result<Entered, Denied> {
    let member = members::by_id(conn, member)?.ok_or_else(session_ended)?;
    if member.standing != Standing::Active {
        return Err(Refusal::forbidden("this account was put aside; ask whoever runs the host").into());
    }
    let has_password = passwords::of(conn, member.id)?.is_some();
    let rooms = rooms::of_member(conn, member.id, limits::LIST_ITEMS)?;
    let progress = marks::of_member(conn, member.id, limits::LIST_ITEMS)?;
    let (ended, asked) = (Vec::new(), (SecondFactor::None, false));
    Ok(Entered { member, device, token, rooms, has_password, progress, events, ended, asked })
}

/// Writes an account that comes into the rooms everyone comes into; says what that did to their logs.
pub(crate) fn write_account(
    conn: &Connection,
    account: Account,
    role: Role,
    invited_to: &[RoomId],
    now: UnixMillis,
) -> Result<(MemberId, Vec<Event>), Denied> {
    check_free(conn, &account.name)?;
    let id = MemberId(Uuid::now_v7());
    members::insert(conn, &members::Row::new(id, account.name, role), now)?;
    if let Some(hash) = account.password_hash {
        passwords::set(conn, id, &hash, now)?;
    }
    let mut log = Vec::new();
    if role == Role::Owner {
        log.push(write_first_room(conn, id, now)?);
    }
    let mut open =
        if role == Role::Guest && !invited_to.is_empty() { Vec::new() } else { rooms::for_everyone(conn)? };
    open.extend(invited_to.iter().filter(|room| !open.contains(room)).copied().collect::<Vec<_>>());
    let role = if role == Role::Owner { RoomRole::Admin } else { RoomRole::Member };
    for room in open {
        if rooms::standing(conn, room, id)?.is_some_and(|standing| !standing.archived) {
            log.push(bring_in(conn, room, (id, id), role, now)?);
        }
    }
    Ok((id, log))
}

fn write_first_room(conn: &Connection, owner: MemberId, now: UnixMillis) -> Result<Event, Denied> {
    let room = rooms::New {
        id: RoomId(Uuid::now_v7()),
        name: FIRST_ROOM.to_owned(),
        topic: String::new(),
        visibility: Visibility::Public,
        for_everyone: true,
        reading: Reading::Start,
        between: None,
    };
    rooms::insert(conn, &room, now)?;
    let created = Change::Created { name: room.name, visibility: room.visibility };
    Ok(events::append(conn, room.id, owner, created, now)?)
}

/// After the commit: answers, lets the connection hear, and tells the others of a new member.
fn admit(host: &Host, hub: &Arc<Hub>, outlet: &Arc<Outlet>, req: u32, entered: Entered) -> Admission {
    let (member, device) = (entered.member.id, entered.device);
    let (role, (asked, missing)) = (entered.member.role, entered.asked);
    if entered.member.role == Role::Owner {
        host.owner_came();
    }
    entered.ended.iter().for_each(|device| hub.end_device(member, *device, None));
    let rooms = entered.rooms.iter().map(|room| room.id).collect::<Vec<_>>();
    let shown = entered.member.shown(!missing);
    let signed_in = SignedIn {
        member: shown.clone(),
        device,
        token: entered.token,
        rooms: if missing { Vec::new() } else { entered.rooms },
        registration: host.registration(),
        has_password: entered.has_password,
        progress: if missing { Vec::new() } else { entered.progress },
        second_factor_missing: missing,
    };
    outlet.answer(req, Ok(Reply::SignedIn(signed_in)));
    if !entered.events.is_empty() {
        hub.tell_everyone(Reply::Member { member: shown });
    }
    let seat = match missing {
        true => hub.set_aside(member, device, Arc::clone(outlet)),
        false => hub.admit(member, device, rooms, Arc::clone(outlet)),
    };
    // A reload that came between the question and the seat has not seen this connection.
    if host.live.load().second_factor.is_asked_of(role) != asked.is_asked_of(role) {
        outlet.cut(CloseCode::SignInAgain);
    }
    for event in entered.events {
        hub.tell_room(event.room, Reply::Event { event });
    }
    Admission { seat, member, device }
}

/// The invite of this secret, if it can be used now.
fn usable(conn: &Connection, hash: &[u8; 32]) -> Result<invites::Row, Denied> {
    let refusal = |code, message| Err(Denied::Refused(Refusal::new(code, message)));
    match invites::by_token(conn, hash)? {
        None => refusal(ErrorCode::InviteUnknown, "this host does not know the invite; ask for a new one"),
        Some(invite) if invite.revoked => {
            refusal(ErrorCode::InviteRevoked, "the invite was withdrawn; ask for a new one")
        }
        Some(invite) if invite.uses_left == 0 => {
            refusal(ErrorCode::InviteUsed, "the invite was used as often as it may be; ask for a new one")
        }
        Some(invite) if invite.expires_at <= now() => {
            refusal(ErrorCode::InviteExpired, "the invite's time is over; ask for a new one")
        }
        Some(invite) => Ok(invite),
    }
}

/// Where an invite leads today. A guest's that leads nowhere any more must not lead somewhere else.
fn rooms_of(conn: &Connection, invite: &invites::Row) -> Result<Vec<RoomId>, Denied> {
    let rooms = open_rooms(conn, invite.id, invite.by)?;
    if invite.role == Role::Guest && rooms.is_empty() && !invites::rooms(conn, invite.id)?.is_empty() {
        let message = "the invite leads nowhere any more; ask for a new one";
        return Err(Refusal::new(ErrorCode::InviteRevoked, message).into());
    }
    Ok(rooms)
}

fn check_free(conn: &Connection, name: &str) -> Result<(), Denied> {
    match is_reserved(name) || members::by_name(conn, name.trim())?.is_some() {
        true => Err(name_taken().into()),
        false => Ok(()),
    }
}

fn wrong_credentials() -> Refusal {
    Refusal::new(ErrorCode::WrongCredentials, "no member has this name and this password; check both")
}

fn second_factor_required() -> Refusal {
    Refusal::new(
        ErrorCode::SecondFactorRequired,
        "the password is right; sign in again with the code your authenticator shows, or a recovery code",
    )
}

pub(crate) fn session_ended() -> Refusal {
    Refusal::new(ErrorCode::SessionEnded, "this session was ended; sign in again")
}

fn registration_closed() -> Refusal {
    Refusal::new(ErrorCode::RegistrationClosed, "this host takes new members by invite only; ask for one")
}
