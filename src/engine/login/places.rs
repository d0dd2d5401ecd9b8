//! Places for redemptions and for logout tokens, dealt out so that no stranger takes them all: anybody can begin a sign-in
//! and answer it with a code that is none, or send a token that is none.

use crate::source::PerSecond;
use crate::time::Timestamp;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::rc::Rc;

/// How many codes a worker redeems at a time, and how many it begins to redeem in a second.
const REDEMPTIONS: Bounds = Bounds {
    common: 16,
    of_group: 2,
    of_known: 0,
    is_paced: true,
};
/// How many logout tokens a worker receives at a time. Strangers say how long theirs take to come, so there are many places;
/// and when many people are signed out at once, as many good ones come within a second. What they cost is bounded where they
/// are verified.
const LOGOUTS: Bounds = Bounds {
    common: 512,
    of_group: 32,
    of_known: 128,
    is_paced: false,
};
/// How many addresses are remembered from which a good token came, before the older half is forgotten.
const MAX_KNOWN: usize = 512;
/// How many groups addresses fall into, each with places of its own.
const GROUPS: usize = 16;
/// For how many seconds the same addresses fall into one group.
const DEALT_FOR: i64 = 60;
/// How many codes of a group may have come to nothing meanwhile before it has its own places alone.
const MAX_UNPROVED: u32 = 16;
/// How often the code of one sign-in is redeemed: a browser that got no answer asks again.
const MAX_OF_ATTEMPT: u8 = 3;
/// How many sign-ins are remembered before the older half is forgotten, which is no loss: whoever has so many
/// has no need to use one again.
const MAX_REMEMBERED: usize = 2048;

/// The places of a worker.
///
/// An address takes the places of its group first, and then those in common. So whoever floods takes
/// what is common and what is its own group's, and whoever is in another group finds that group's places free.
/// Groups are dealt anew each minute, unforeseeably. Who brings codes that the provider does not accept
/// soon has the places of its group alone, so that what is common is free again, and the provider is spared. Where a good logout
/// token came from, the next one finds places that no stranger can take.
#[derive(Debug)]
pub(super) struct Places {
    bounds: Bounds,
    common: Rc<Group>,
    groups: Vec<Rc<Group>>,
    /// those for addresses that are known
    of_known: Rc<Group>,
    known: Rc<Known>,
    hasher: RandomState,
    redeemed: RefCell<Redeemed>,
}

/// How many places there are.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// whoever takes them
    common: u32,
    /// those of each group, beside the common ones
    of_group: u32,
    /// those of all addresses together from which something good came, beside these
    of_known: u32,
    /// whether as many are taken in a second as there are at a time, and those count that prove nothing
    is_paced: bool,
}

/// Addresses from which something good came, by a hash: the newer half, and the older.
#[derive(Debug, Default)]
struct Known {
    newer: RefCell<HashSet<u64>>,
    older: RefCell<HashSet<u64>>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// the code of this sign-in was redeemed too often
    UsedUp,
    /// too many are taken
    Taken,
}

/// One of the places. Dropping it frees it.
#[derive(Debug)]
pub(crate) struct Place {
    taken: Rc<Group>,
    /// the group of the address, and the time for which it is that
    own: Option<(Rc<Group>, i64)>,
    /// where the address is noted once it has brought something good
    caller: Option<(Rc<Known>, u64)>,
}

#[derive(Debug, Default)]
struct Group {
    under_way: Cell<u32>,
    begun: RefCell<PerSecond>,
    /// the minute that the last was begun in, and how many of it have proved nothing so far
    unproved: Cell<(i64, u32)>,
}

/// How often sign-ins were redeemed, by a hash of what names them: the newer half, and the older.
#[derive(Debug, Default)]
struct Redeemed {
    newer: HashMap<u64, u8>,
    older: HashMap<u64, u8>,
}

impl Places {
    /// Those for redemptions.
    pub(super) fn for_redemptions() -> Self {
        Self::within(REDEMPTIONS)
    }

    /// Those for logout tokens.
    pub(super) fn for_logouts() -> Self {
        Self::within(LOGOUTS)
    }

    fn within(bounds: Bounds) -> Self {
        Self {
            bounds,
            common: Rc::default(),
            groups: (0..GROUPS).map(|_| Rc::default()).collect(),
            of_known: Rc::default(),
            known: Rc::default(),
            hasher: RandomState::new(),
            redeemed: RefCell::default(),
        }
    }

    /// A place for the sign-in called `id` of somebody at `address`, where that is known.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn take(
        &self,
        id: &str,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Place, NoPlace> {
        let id = self.hasher.hash_one(id);
        let mut redeemed = self.redeemed.borrow_mut();
        if redeemed.count(id) >= MAX_OF_ATTEMPT {
            return Err(NoPlace::UsedUp);
        }
        let place = self.take_any(address, now).ok_or(NoPlace::Taken)?;
        redeemed.one_more(id);
        Ok(place)
    }

    /// A place for somebody at `address`, where that is known, if there is one.
    pub(super) fn take_any(&self, address: Option<IpAddr>, now: Timestamp) -> Option<Place> {
        let minute = now.seconds().div_euclid(DEALT_FOR);
        let own = address.and_then(|address| self.group(address, minute));
        let Bounds {
            common,
            of_group,
            of_known,
            is_paced,
        } = self.bounds;
        let caller = address.map(|address| self.hasher.hash_one(address));
        let caller = caller.filter(|_| of_known > 0);
        let is_known = caller.is_some_and(|caller| self.known.has(caller));
        let take = |group: &Group, max| group.take(max, is_paced.then_some(now));
        let taken = (is_known && take(&self.of_known, of_known)).then_some(&self.of_known);
        let taken = taken.or_else(|| own.filter(|own| take(own, of_group)));
        let taken = taken.or_else(|| {
            let is_proved = own.is_none_or(|own| own.unproved(minute) < MAX_UNPROVED);
            (is_proved && take(&self.common, common)).then_some(&self.common)
        })?;
        if let Some(own) = own.filter(|_| is_paced) {
            let unproved = own.unproved(minute).saturating_add(1);
            own.unproved.set((minute, unproved));
        }
        Some(Place {
            taken: Rc::clone(taken),
            own: own.map(|own| (Rc::clone(own), minute)),
            caller: caller.map(|caller| (Rc::clone(&self.known), caller)),
        })
    }

    fn group(&self, address: IpAddr, minute: i64) -> Option<&Rc<Group>> {
        let groups = u64::try_from(self.groups.len()).ok()?;
        let place = self
            .hasher
            .hash_one((minute, address))
            .checked_rem(groups)?;
        self.groups.get(usize::try_from(place).ok()?)
    }
}

impl Group {
    /// Takes one place of `max` at a time, and in the second of `now` if that counts, if there is one.
    fn take(&self, max: u32, now: Option<Timestamp>) -> bool {
        let under_way = self.under_way.get();
        let is_begun = |now| self.begun.borrow_mut().one_more(max, now);
        if under_way >= max || !now.is_none_or(is_begun) {
            return false;
        }
        self.under_way.set(under_way.saturating_add(1));
        true
    }

    fn unproved(&self, minute: i64) -> u32 {
        let (of, count) = self.unproved.get();
        if of == minute { count } else { 0 }
    }
}

impl Known {
    fn has(&self, caller: u64) -> bool {
        self.newer.borrow().contains(&caller) || self.older.borrow().contains(&caller)
    }

    fn add(&self, caller: u64) {
        let mut newer = self.newer.borrow_mut();
        if newer.len() >= MAX_KNOWN / 2 && !newer.contains(&caller) {
            *self.older.borrow_mut() = std::mem::take(&mut *newer);
        }
        newer.insert(caller);
    }
}

impl Place {
    /// The code, or the token, was good.
    pub(crate) fn is_proved(&self) {
        if let Some((known, caller)) = &self.caller {
            known.add(*caller);
        }
        if let Some((own, minute)) = &self.own {
            let unproved = own.unproved(*minute);
            if unproved > 0 {
                own.unproved.set((*minute, unproved.saturating_sub(1)));
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let under_way = &self.taken.under_way;
        under_way.set(under_way.get().saturating_sub(1));
    }
}

impl Redeemed {
    fn count(&self, id: u64) -> u8 {
        let of = |half: &HashMap<u64, u8>| half.get(&id).copied().unwrap_or_default();
        of(&self.newer).max(of(&self.older))
    }

    fn one_more(&mut self, id: u64) {
        let count = self.count(id).saturating_add(1);
        if self.newer.len() >= MAX_REMEMBERED / 2 {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(id, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_040);

    /// The address called `number`.
    fn at(number: u32) -> Option<IpAddr> {
        Some(Ipv4Addr::from(number).into())
    }

    /// Takes places with sign-ins of its own until there is none.
    fn flood(places: &Places, number: u32, now: Timestamp) -> Vec<Place> {
        let take = |turn| places.take(&format!("{number}-{turn}-{now:?}"), at(number), now);
        (0..1_000).map_while(|turn| take(turn).ok()).collect()
    }

    /// An address in another group than that called 0.
    fn stranger(places: &Places, now: Timestamp) -> u32 {
        let minute = now.seconds().div_euclid(DEALT_FOR);
        let group = |number| Rc::as_ptr(places.group(at(number).unwrap(), minute).unwrap());
        let mut others = (1..1_000).filter(|number| group(*number) != group(0));
        others.next().unwrap()
    }

    #[test]
    fn whoever_is_in_another_group_than_a_flood_has_a_place() {
        let places = Places::for_redemptions();
        let held = flood(&places, 0, NOW);
        assert_eq!(held.len(), 16, "its own, and what is common");
        let rest = [places.take("x", None, NOW), places.take("y", None, NOW)];
        assert!(rest.iter().all(Result::is_ok));
        assert_eq!(places.take("z", None, NOW).err(), Some(NoPlace::Taken));
        let other = at(stranger(&places, NOW));
        assert!(places.take("good", other, NOW).is_ok());
        drop((held, rest));
        // What a second had, it has had.
        assert_eq!(places.take("z", None, NOW).err(), Some(NoPlace::Taken));
        assert!(places.take("z", None, NOW.plus(1)).is_ok());
    }

    #[test]
    fn codes_that_prove_nothing_soon_come_from_the_own_places_alone() {
        let places = Places::for_redemptions();
        let sent = |second: i64| flood(&places, 0, NOW.plus(second)).len();
        assert_eq!(sent(0), 16);
        let rest: usize = (1..20).map(sent).sum();
        assert_eq!(rest, 19 * 2, "two in a second");
        // Groups are dealt anew with the minute.
        assert_eq!(sent(DEALT_FOR), 16);
    }

    #[test]
    fn codes_that_are_good_cost_nothing() {
        let places = Places::for_redemptions();
        for second in 0..20 {
            let held = flood(&places, 0, NOW.plus(second));
            assert_eq!(held.len(), 16, "{second}");
            held.iter().for_each(Place::is_proved);
        }
    }

    #[test]
    fn one_sign_in_is_redeemed_a_few_times_only_whoever_has_it() {
        let places = Places::for_redemptions();
        for turn in 0..3 {
            assert!(
                places.take("one", at(turn), NOW.plus(turn.into())).is_ok(),
                "{turn}"
            );
        }
        for turn in 3..600 {
            let place = places.take("one", at(turn), NOW.plus(turn.into()));
            assert_eq!(place.err(), Some(NoPlace::UsedUp), "{turn}");
        }
    }

    #[test]
    fn logout_tokens_have_places_by_number_and_not_by_time() {
        let places = Places::for_logouts();
        let take = |number| places.take_any(at(number), NOW);
        for turn in 0..1_000 {
            assert!(take(0).is_some(), "{turn}: those that are over take none");
        }
        let flood: Vec<_> = (0..1_000).map_while(|_| take(0)).collect();
        assert_eq!(flood.len(), 512 + 32);
        assert!(places.take_any(None, NOW).is_none());
        assert!(take(stranger(&places, NOW)).is_some());
        drop(flood);
        assert!(places.take_any(None, NOW).is_some());
    }

    #[test]
    fn where_a_good_token_came_from_no_flood_shuts_out_the_next() {
        let places = Places::for_logouts();
        let take = |number| places.take_any(at(number), NOW);
        take(5_000).unwrap().is_proved();
        let flood: Vec<_> = (0..2_000).filter_map(take).collect();
        assert_eq!(flood.len(), 512 + 16 * 32, "of every group");
        let own: Vec<_> = (0..1_000).map_while(|_| take(5_000)).collect();
        assert_eq!(own.len(), 128);
        // Whatever comes from there later.
        drop(own);
        for number in 6_000..6_000 + 200 {
            take(number).inspect(Place::is_proved);
        }
        assert!(take(5_000).is_some());
    }

    #[test]
    fn what_is_known_of_addresses_is_bounded() {
        let known = Known::default();
        (0..100_000).for_each(|caller| known.add(caller));
        let count = known.newer.borrow().len() + known.older.borrow().len();
        assert!(count <= MAX_KNOWN, "{count}");
        assert!(known.has(99_999) && !known.has(0));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut redeemed = Redeemed::default();
        for id in 0..100_000 {
            redeemed.one_more(id);
            let held = redeemed.newer.len() + redeemed.older.len();
            assert!(held <= MAX_REMEMBERED, "{held}");
        }
        assert_eq!(redeemed.count(99_999), 1);
        assert_eq!(redeemed.count(0), 0);
    }
}
