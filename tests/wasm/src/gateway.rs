//! One instance of the module in a gateway: load, configure, call.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use wasmi::{Extern, Instance, Linker, Module, Store, Val};

use crate::guest::number;
use crate::module::Build;
use crate::profile::{AfterRefusal, Profile};
use crate::record::Record;
use crate::recorder::Recorder;
use crate::world::World;
use crate::{abi, meter, module, wasi};

/// What one callback may use up before it counts as hanging.
pub(crate) const FUEL: u64 = 10_000_000_000;

/// A running instance.
pub struct Gateway {
    pub(crate) store: Store<World>,
    instance: Instance,
    pub(crate) root: u32,
    /// The root context whose configuration was accepted last.
    served: Option<u32>,
    /// Those whose requests see no filter at all.
    pub(crate) unfiltered: BTreeSet<u32>,
    /// Those whose configuration is tried again at each request.
    pub(crate) unconfigured: BTreeSet<u32>,
    last_id: u32,
    pub(crate) free_ids: Vec<u32>,
    pub(crate) dead: Option<String>,
}

/// What the module answered to a configuration.
pub struct Configured {
    /// The context it went to.
    pub root: u32,
    /// What `on_configure` returned.
    pub answered: bool,
    /// Whether the module took it: it said yes, and no line says that it is
    /// refused. Where a no would open the gateway, it says yes to either.
    pub accepted: bool,
    /// What it did meanwhile.
    pub record: Record,
}

impl Gateway {
    /// An instance without configuration, `_initialize` done.
    ///
    /// # Panics
    /// When the module does not load: then no gateway would protect anything.
    #[must_use]
    pub fn new(profile: Arc<dyn Profile>, env: &[(&str, &str)]) -> Self {
        Self::loading(profile.build(), profile, env)
    }

    /// The same with this file of the module, whichever the gateway usually loads.
    ///
    /// # Panics
    /// When the module does not load.
    #[must_use]
    pub fn loading(build: Build, profile: Arc<dyn Profile>, env: &[(&str, &str)]) -> Self {
        let recorder = Recorder::of(build, profile.name());
        Self::start(module::compiled(build), profile, env, recorder)
    }

    /// The same with another module, to try a profile by one that misbehaves.
    ///
    /// # Panics
    /// When the module does not load.
    #[must_use]
    pub fn of(module: &Module, profile: Arc<dyn Profile>, env: &[(&str, &str)]) -> Self {
        Self::start(module, profile, env, Recorder::default())
    }

    fn start(
        module: &Module,
        profile: Arc<dyn Profile>,
        env: &[(&str, &str)],
        recorder: Recorder,
    ) -> Self {
        let env = env
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let mut store = Store::new(module.engine(), World::new(profile, env));
        store.data_mut().recorder = recorder;
        let mut linker = Linker::new(module.engine());
        abi::link(&mut linker).expect("the host functions of env");
        wasi::link(&mut linker).expect("the host functions of WASI");
        store.set_fuel(FUEL).expect("fuel is on");
        let instance = linker
            .instantiate_and_start(&mut store, module)
            .unwrap_or_else(|error| panic!("the module does not load: {error}"));
        let mut gateway = Self {
            store,
            instance,
            root: 0,
            served: None,
            unfiltered: BTreeSet::new(),
            unconfigured: BTreeSet::new(),
            last_id: 0,
            free_ids: Vec::new(),
            dead: None,
        };
        gateway.call("_initialize", &[]);
        gateway.check();
        gateway
    }

    /// An instance with a configuration that must be accepted.
    #[must_use]
    pub fn with(profile: Arc<dyn Profile>, env: &[(&str, &str)], json: &Value) -> Self {
        let mut gateway = Self::new(profile, env);
        let configured = gateway.configure_json(json);
        assert!(
            configured.accepted,
            "refused: {}",
            configured.record.everything()
        );
        gateway
    }

    /// The state behind the host calls: clock, faults.
    pub fn world(&mut self) -> &mut World {
        self.store.data_mut()
    }

    /// The root context that serves requests.
    #[must_use]
    pub fn root(&self) -> u32 {
        self.root
    }

    /// Pages of 64 kB that the module's memory has.
    #[must_use]
    pub fn memory_pages(&self) -> u64 {
        let memory = self
            .instance
            .get_memory(&self.store, "memory")
            .expect("a memory");
        memory.size(&self.store)
    }

    /// A new root context with this plugin JSON, as the gateway hands it on;
    /// it serves the requests from now on.
    pub fn configure_json(&mut self, json: &Value) -> Configured {
        let world = self.store.data();
        let json = world.profile.resolved(json, &world.env);
        let text = world.profile.configuration(&json);
        self.configure(text.as_bytes())
    }

    /// The same with raw bytes.
    pub fn configure(&mut self, bytes: &[u8]) -> Configured {
        let root = self.fresh_id();
        self.begin();
        self.store.data_mut().context = root;
        self.call("proxy_on_context_create", &[root, 0]);
        if self.store.data().profile.starts_the_vm_and_logs() {
            self.call("proxy_on_vm_start", &[root, 0]);
        }
        self.root = root;
        self.configure_again(root, bytes)
    }

    /// Configures a root context that is there already.
    pub fn configure_again(&mut self, root: u32, bytes: &[u8]) -> Configured {
        self.begin();
        self.store
            .data_mut()
            .configurations
            .insert(root, bytes.to_vec());
        self.store.data_mut().context = root;
        let size = u32::try_from(bytes.len()).expect("under 4 GB");
        let answered = self.call("proxy_on_configure", &[root, size]) == Some(1);
        let record = self.end();
        self.check();
        self.store.data_mut().recorder.configured(answered);
        self.settle(root, answered);
        let mut log = record.log.iter();
        let refused = log.any(|line| line.text.contains("configuration refused"));
        Configured {
            root,
            answered,
            accepted: answered && !refused,
            record,
        }
    }

    /// What the answer of `on_configure` makes of the requests to come.
    fn settle(&mut self, root: u32, answered: bool) {
        self.unfiltered.remove(&root);
        self.unconfigured.remove(&root);
        if answered {
            self.served = Some(root);
            return;
        }
        match (self.store.data().profile.after_a_refusal(), self.served) {
            (AfterRefusal::Asks, _) => {}
            (AfterRefusal::AsksAgain, _) => {
                self.unconfigured.insert(root);
            }
            (AfterRefusal::GoesOn, Some(before)) if before != root => self.root = before,
            (AfterRefusal::GoesOn, _) => {
                self.unfiltered.insert(root);
            }
        }
    }

    /// Tries the configuration of `root` again, in a root context of its own.
    /// What that takes is part of the running record.
    pub(crate) fn try_again(&mut self, root: u32) {
        let bytes = self.store.data().configurations.get(&root).cloned();
        let (bytes, again) = (bytes.unwrap_or_default(), self.fresh_id());
        let size = u32::try_from(bytes.len()).expect("under 4 GB");
        let world = self.store.data_mut();
        world.configurations.insert(again, bytes);
        world.context = again;
        self.call("proxy_on_context_create", &[again, 0]);
        self.call("proxy_on_configure", &[again, size]);
        self.delete_root(again);
    }

    /// A tick in a root context.
    pub fn tick(&mut self, root: u32) -> Record {
        self.begin();
        self.enter(root);
        self.store.data_mut().ticks += 1;
        self.call("proxy_on_tick", &[root]);
        self.answer_calls_of(root);
        self.end()
    }

    /// Whether the gateway ticks in this root context: it was asked to, and can.
    #[must_use]
    pub fn ticks(&self, root: u32) -> bool {
        let period = self.store.data().tick_periods.get(&root);
        period.is_some_and(|period| *period > 0)
    }

    /// Ends a root context, as a gateway does after a new configuration.
    pub fn delete_root(&mut self, root: u32) {
        self.enter(root);
        self.call("proxy_on_done", &[root]);
        self.call("proxy_on_delete", &[root]);
        // Calls that nobody waits for any more are given up by every gateway.
        let world = self.store.data_mut();
        world.calls.retain(|call| call.root != root);
        world.configurations.remove(&root);
        world.tick_periods.remove(&root);
        self.check();
    }

    /// Whether the instance still works; the reason if not.
    #[must_use]
    pub fn dead(&self) -> Option<&str> {
        self.dead.as_deref()
    }

    pub(crate) fn enter(&mut self, id: u32) {
        self.store.data_mut().context = id;
    }

    /// Calls an export if the module has it; a trap marks the instance dead.
    pub(crate) fn call(&mut self, export: &str, arguments: &[u32]) -> Option<i32> {
        if self.dead.is_some() {
            return None;
        }
        let Some(Extern::Func(function)) = self.instance.get_export(&self.store, export) else {
            if let Err(crash) = self.store.data().profile.lacks(export) {
                self.fail(crash.0);
            }
            return None;
        };
        let values: Vec<Val> = arguments
            .iter()
            .map(|&number| Val::I32(number as i32))
            .collect();
        let mut answer = vec![Val::I32(0); function.ty(&self.store).results().len()];
        self.store.set_fuel(FUEL).expect("fuel is on");
        let before = self.executed();
        self.store.data_mut().executed_before = before;
        self.store.data_mut().recorder.call(export, arguments);
        let ended = function.call(&mut self.store, &values, &mut answer);
        let used = self.executed() - before;
        let world = self.store.data_mut();
        world.record.fuel += used;
        let ended = ended.map(|()| number(&answer));
        world.recorder.returned(&ended);
        ended.unwrap_or_else(|error| {
            let stderr = self.store.data().record.stderr.clone();
            self.fail(format!("{export}: {error}\n{stderr}"));
            None
        })
    }

    /// How many instructions the module has executed; none of a module without a counter.
    fn executed(&self) -> u64 {
        let counter = self.instance.get_global(&self.store, meter::COUNTER);
        meter::read(counter.map(|counter| counter.get(&self.store)))
    }

    pub(crate) fn fail(&mut self, what: String) {
        self.dead.get_or_insert(what);
    }

    fn check(&self) {
        if let Some(what) = &self.dead {
            panic!("{what}");
        }
    }

    pub(crate) fn begin(&mut self) {
        self.store.data_mut().record = Record::default();
    }

    pub(crate) fn end(&mut self) -> Record {
        std::mem::take(&mut self.store.data_mut().record)
    }

    pub(crate) fn fresh_id(&mut self) -> u32 {
        self.free_ids.pop().unwrap_or_else(|| {
            self.last_id += 1;
            self.last_id
        })
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let traced = self.store.data().recorder.is_on();
        let memory = self.instance.get_memory(&self.store, "memory");
        let memory = memory.filter(|_| traced && self.dead.is_none());
        let memory = memory.map(|memory| memory.data(&self.store).to_vec());
        self.store.data_mut().recorder.end(memory.as_deref());
    }
}
