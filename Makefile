# ollama-gate. `make help` lists what there is.

.DEFAULT_GOAL := help
.PHONY: help wasm dist dist-check run key test test-native test-wasm test-e2e clients bench bench-engines lint docs book clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  settings of make run: PORT=11435  UPSTREAM=host:port  ENVOY=path"
	@echo "  settings of make key: ID=name  SUBJECT=name  SCOPES=read,inference  DAYS=90"
	@echo "  settings of the build: WASM_TOOLCHAIN=rustup|debian"

wasm: ## build the filter: dist/ollama_gate.wasm, and the one for Envoy
	@sh scripts/wasm.sh

dist: ## build the artefacts of a release into dist/ollama-gate-VERSION/
	@python3 scripts/artefacts.py

dist-check: ## build them in two clean clones and compare every byte (two builds from nothing)
	@python3 scripts/artefacts_check.py

# Without Rust: one sentence, and not what the shell says.
NEED_CARGO = @command -v cargo >/dev/null 2>&1 || { \
	echo "make $@: there is no cargo here: install Rust 1.89 or later (https://rustup.rs)" >&2; exit 2; }

run: ## lock Ollama behind a real Envoy on 127.0.0.1:11435, with fresh credentials
	@sh scripts/python-env.sh run
	@sh scripts/wasm.sh
	$(NEED_CARGO)
	@cargo build --locked -p ollama-gate-cli
	@.venv/bin/python scripts/run.py

# What was given on the command line and is no setting of `make key`: `SCOPE=read` would give more rights than asked.
NO_SETTING = $(strip $(foreach name,$(filter-out ID SUBJECT SCOPES DAYS,$(.VARIABLES)),$(if $(filter command,$(origin $(name))),$(name))))

key: ## make a new sk- key: the key once, and the record to paste
	$(NEED_CARGO)
	@if [ -n "$(NO_SETTING)" ]; then \
	echo "make key: there is no setting $(NO_SETTING): they are ID, SUBJECT, SCOPES and DAYS" >&2; exit 2; fi; \
	set -- key new --id "$${ID:-new-key}" --scopes "$${SCOPES:-read,inference}" --days "$${DAYS:-90}"; \
	[ -z "$$SUBJECT" ] || set -- "$$@" --subject "$$SUBJECT"; \
	exec cargo run --quiet --locked -p ollama-gate-cli -- "$$@"

test: export MAKE := $(MAKE)
test: ## everything that must pass: the three rings, each to its end, and what they came to
	@python3 scripts/rings.py

test-native: ## ring 1: the engine, natively, and its reader of bodies against Go's
	@status=0; cargo test --locked --no-fail-fast || status=$$?; \
	sh scripts/decoder.sh && exit $$status

test-wasm: wasm ## ring 2: the built module under the rules of each gateway, and in their engines
	@rm -rf target/traces
	@status=0; RECORD_TRACES="$(CURDIR)/target/traces" \
	cargo test --locked --no-fail-fast -p ollama-gate-wasm-tests || status=$$?; \
	sh scripts/engines.sh && exit $$status

test-e2e: wasm ## ring 3: a real Envoy and real clients
	@sh scripts/python-env.sh test
	@sh scripts/need.sh htpasswd apache2-utils "the tests with files of htpasswd" || [ $$? = 3 ]
	@sh scripts/need.sh promtool prometheus "the check of the counters' names" || [ $$? = 3 ]
	@sh scripts/need.sh lua5.1 lua5.1 "the run of APISIX's guard" || [ $$? = 3 ]
	@sh scripts/need.sh systemd-nspawn systemd-container "the run of the service under a real systemd" || [ $$? = 3 ]
	.venv/bin/python -m pytest tests/e2e --numprocesses 2 --dist loadfile

clients: wasm ## ask by the clients of docs/clients.md, in their newest versions (a quarter of an hour; not in CI)
	@sh scripts/python-env.sh test
	@sh scripts/clients-env.sh
	.venv/bin/python -m pytest tests/clients -s

bench: ## measure the filter on a real Envoy beside others (half an hour); quickly: make bench BENCH=--quick
	@sh scripts/python-env.sh test
	.venv/bin/python -m bench $(BENCH)

bench-engines: wasm ## measure the filter in the engines of APISIX and Kong beside an empty one (a minute, and the build)
	@sh scripts/python-env.sh test
	@WASM_PACKAGE=bench-empty sh scripts/wasm.sh
	.venv/bin/python -m bench.engines

lint: ## formatting, clippy on both targets, Python, shell, dependencies
	@sh scripts/lint.sh

docs: ## write the generated parts of docs/ anew
	UPDATE_DOCS=1 cargo test --locked --test native documents:: -- --test-threads=1

book: ## build the documentation as a book into target/book; a link that leads nowhere is an error
	@sh scripts/book.sh
	@echo "target/book/index.html"

clean: ## remove everything that was built or installed here
	rm -rf target dist .venv .run
