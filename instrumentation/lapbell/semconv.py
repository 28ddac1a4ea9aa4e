"""Every name on the wire, once.

Names without a comment are OpenTelemetry semantic conventions used as they stand; `webhook.*`, `circuit_breaker.*`,
`messaging.queue.*`, `messaging.worker.*` and `lapbell.*` are our own, because no convention names these things yet.
"""

from typing import Final

# Spans
PHASE_SPAN_PREFIX: Final = "webhook."
PHASE_VALIDATION: Final = "validation"
PHASE_SIGNATURE_VALIDATION: Final = "signature_validation"
PHASE_CACHE_LOOKUP: Final = "cache_lookup"
PHASE_REDIS_OPERATION: Final = "redis_operation"
PHASE_TASK_QUEUING: Final = "task_queuing"
PHASE_RESPONSE_PREPARATION: Final = "response_preparation"
PHASE_EVENT_LOOP: Final = "event_loop"  # waited because something else blocked the loop
PHASE_OTHER: Final = "other"
FASTAPI_DEPENDENCIES_SPAN: Final = "fastapi.dependencies"
FASTAPI_SERIALIZATION_SPAN: Final = "fastapi.serialization"

# The snapshot of a request that still runs: a span of no length, whose events are the open spans of the request, each
# at the time when it began. Its parent is the SERVER span, which follows when it ends.
PENDING_SPAN: Final = "lapbell.pending"
PENDING_AGE: Final = "lapbell.pending.age"  # seconds since the request began
PENDING_SPAN_ID: Final = "lapbell.pending.span_id"  # of the span that runs: 16 hex digits; on the events too

# Webhook metrics
WEBHOOK_REQUEST_DURATION: Final = "webhook.request.duration"
WEBHOOK_PHASE_DURATION: Final = "webhook.phase.duration"
WEBHOOK_PHASE_SELF_DURATION: Final = "webhook.phase.self_duration"
WEBHOOK_SLO_REQUESTS: Final = "webhook.slo.requests"

# Work in flight: requests and tasks that have begun and not ended
HTTP_SERVER_ACTIVE_REQUESTS: Final = "http.server.active_requests"
WEBHOOK_ACTIVE_REQUESTS: Final = "webhook.active_requests"
WEBHOOK_ACTIVE_REQUEST_OLDEST_AGE: Final = "webhook.active_request.oldest.age"
WEBHOOK_UNANSWERED_REQUEST_OLDEST_AGE: Final = "webhook.unanswered_request.oldest.age"  # no response begun
WEBHOOK_ACTIVE_REQUESTS_OVERDUE: Final = "webhook.active_requests.overdue"  # no response begun; by limit that passed
WEBHOOK_OVERDUE_LIMIT: Final = "webhook.overdue.limit"
OVERDUE_REQUIREMENT: Final = "requirement"
OVERDUE_DEADLINE: Final = "deadline"  # three times the requirement, or the provider's deadline if that is shorter
EVENT_LOOP_LAG: Final = "lapbell.event_loop.lag"
EVENT_LOOP_BLOCKED: Final = "lapbell.event_loop.blocked"  # by the line that blocks: the next three
CODE_FUNCTION_NAME: Final = "code.function.name"
CODE_FILE_PATH: Final = "code.file.path"
CODE_LINE_NUMBER: Final = "code.line.number"

# Webhook attributes
WEBHOOK_PROVIDER: Final = "webhook.provider"
WEBHOOK_OUTCOME: Final = "webhook.outcome"
WEBHOOK_EVENT_TYPE: Final = "webhook.event.type"  # on webhook.request.duration and the SERVER span alone
WEBHOOK_PHASE_NAME: Final = "webhook.phase.name"
WEBHOOK_SLO_THRESHOLD: Final = "webhook.slo.threshold"
WEBHOOK_SLO_RESULT: Final = "webhook.slo.result"
OUTCOME_ACCEPTED: Final = "accepted"
OUTCOME_REJECTED: Final = "rejected"
OUTCOME_DUPLICATE: Final = "duplicate"
OUTCOME_ERROR: Final = "error"
OUTCOME_ABANDONED: Final = "abandoned"  # the client went away before the answer
SLO_MET: Final = "met"
SLO_MISSED: Final = "missed"
UNKNOWN_PROVIDER: Final = "unknown"

# HTTP, errors, servers, resources
HTTP_ROUTE: Final = "http.route"
HTTP_REQUEST_METHOD: Final = "http.request.method"
HTTP_RESPONSE_STATUS_CODE: Final = "http.response.status_code"
ERROR_TYPE: Final = "error.type"
ERROR_TYPE_OTHER: Final = "_OTHER"  # an error whose type is not known
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
SERVICE_NAME: Final = "service.name"
SERVICE_NAMESPACE: Final = "service.namespace"
SERVICE_INSTANCE_ID: Final = "service.instance.id"
SERVICE_VERSION: Final = "service.version"
HOST_NAME: Final = "host.name"
HOST_ID: Final = "host.id"
CONTAINER_ID: Final = "container.id"
PROCESS_PID: Final = "process.pid"

# Redis
DB_CLIENT_OPERATION_DURATION: Final = "db.client.operation.duration"
DB_CLIENT_CONNECTION_COUNT: Final = "db.client.connection.count"
DB_CLIENT_CONNECTION_MAX: Final = "db.client.connection.max"
DB_CLIENT_CONNECTION_WAIT_TIME: Final = "db.client.connection.wait_time"
DB_CLIENT_CONNECTION_POOL_NAME: Final = "db.client.connection.pool.name"
DB_CLIENT_CONNECTION_STATE: Final = "db.client.connection.state"
CONNECTION_IDLE: Final = "idle"
CONNECTION_USED: Final = "used"
DB_SYSTEM_NAME: Final = "db.system.name"
DB_SYSTEM: Final = "db.system"  # the name before it was stable; Redis' instrumentation still sends it
DB_OPERATION_NAME: Final = "db.operation.name"
DB_OPERATION_BATCH_SIZE: Final = "db.operation.batch.size"
DB_NAMESPACE: Final = "db.namespace"
DB_RESPONSE_STATUS_CODE: Final = "db.response.status_code"

# Circuit breakers
CIRCUIT_BREAKER_STATUS: Final = "circuit_breaker.status"
CIRCUIT_BREAKER_TRANSITIONS: Final = "circuit_breaker.transitions"
CIRCUIT_BREAKER_NAME: Final = "circuit_breaker.name"
CIRCUIT_BREAKER_STATE: Final = "circuit_breaker.state"
CIRCUIT_BREAKER_FROM: Final = "circuit_breaker.from"
CIRCUIT_BREAKER_TO: Final = "circuit_breaker.to"
CIRCUIT_CLOSED: Final = "closed"
CIRCUIT_OPEN: Final = "open"
CIRCUIT_HALF_OPEN: Final = "half_open"
CIRCUIT_STATES: Final = (CIRCUIT_CLOSED, CIRCUIT_OPEN, CIRCUIT_HALF_OPEN)

# Queues and workers
MESSAGING_QUEUE_MESSAGES: Final = "messaging.queue.messages"
MESSAGING_QUEUE_LIMIT: Final = "messaging.queue.limit"
MESSAGING_QUEUE_OLDEST_MESSAGE_AGE: Final = "messaging.queue.oldest_message.age"
MESSAGING_MESSAGE_RECEIVE_LATENCY: Final = "messaging.message.receive.latency"
MESSAGING_PROCESS_DURATION: Final = "messaging.process.duration"
MESSAGING_PROCESS_TIMEOUT: Final = "messaging.process.timeout"
MESSAGING_PROCESS_OLDEST_AGE: Final = "messaging.process.oldest.age"
MESSAGING_WORKER_COUNT: Final = "messaging.worker.count"
MESSAGING_SYSTEM: Final = "messaging.system"
MESSAGING_DESTINATION_NAME: Final = "messaging.destination.name"
MESSAGING_OPERATION_NAME: Final = "messaging.operation.name"
MESSAGING_OPERATION_TYPE: Final = "messaging.operation.type"
MESSAGING_QUEUE_PRIORITY: Final = "messaging.queue.priority"
MESSAGING_QUEUE_MESSAGE_STATE: Final = "messaging.queue.message.state"
MESSAGING_WORKER_STATE: Final = "messaging.worker.state"

# In the payload of a queued message
MESSAGE_FIELD: Final = "lapbell"
MESSAGE_TIME_FIELD: Final = "enqueued_at"
QUEUE_READY: Final = "ready"
QUEUE_IN_FLIGHT: Final = "in_flight"
QUEUE_SCHEDULED: Final = "scheduled"
QUEUE_DEAD: Final = "dead"
WORKER_BUSY: Final = "busy"
WORKER_IDLE: Final = "idle"
PRIORITY_HIGH: Final = "high"
PRIORITY_NORMAL: Final = "normal"
PRIORITY_LOW: Final = "low"

# What neighbours still send under old names, and what must not leave
NET_PEER_NAME: Final = "net.peer.name"
NET_PEER_PORT: Final = "net.peer.port"
NET_HOST_NAME: Final = "net.host.name"
NET_HOST_PORT: Final = "net.host.port"
HTTP_STATUS_CODE: Final = "http.status_code"
HTTP_METHOD: Final = "http.method"
DB_REDIS_PIPELINE_LENGTH: Final = "db.redis.pipeline_length"
DB_REDIS_DATABASE_INDEX: Final = "db.redis.database_index"
REDIS_INSTRUMENTATION_SCOPE: Final = "opentelemetry.instrumentation.redis"
URL_SCHEME: Final = "url.scheme"
NETWORK_PROTOCOL_VERSION: Final = "network.protocol.version"
EXCEPTION_EVENT: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"
PERSONAL_ATTRIBUTES: Final = frozenset({
    "url.path", "url.query", "url.full", "http.url", "http.target", "http.client_ip", "http.user_agent", "http.host",
    "http.server_name", "http.request.method_original", "client.address", "client.port", "network.peer.address",
    "network.peer.port", "net.peer.ip", "net.sock.peer.addr", "user_agent.original",
    "redis.search.query", "redis.search.index", "redis.create_index.index", "redis.create_index.fields",
})  # fmt: skip
PERSONAL_PREFIXES: Final = (
    "http.request.header.", "http.response.header.", "http.request.body", "http.response.body", "redis.search.xdoc_",
    "url.query.", "enduser.", "user.",
)  # fmt: skip
NAMES_OF_THINGS: Final = frozenset({
    "http.route", "http.request.method", "http.method", "http.scheme", "http.flavor", "url.scheme", "server.address",
    "net.peer.name", "net.transport", "network.transport", "network.type", "network.protocol.name",
    "network.protocol.version", "db.system", "db.system.name", "db.namespace",
    "db.response.status_code", "db.client.connection.pool.name", "messaging.system", "messaging.destination.name",
    "messaging.operation.type", "code.file.path",
    "code.function.name", "code.filepath", "code.function", "code.namespace", "exception.type",
    "thread.name", "lapbell.pending.span_id", "system.filesystem.mountpoint",
})  # fmt: skip
"""Attributes whose values the app, its libraries or its deployment name: no text of the time of a request."""
NAMES_OF_WORK: Final = frozenset({
    "webhook.phase.name", "webhook.provider", "webhook.outcome", "webhook.event.type", "messaging.operation.name",
    "messaging.queue.priority", "db.operation.name", "error.type", "circuit_breaker.name",
})  # fmt: skip
"""Attributes that an app names where it works, of few distinct values unless it puts data into them."""
PIPELINE: Final = "PIPELINE"
REDIS: Final = "redis"

# System
SYSTEM_CPU_UTILIZATION: Final = "system.cpu.utilization"
SYSTEM_MEMORY_UTILIZATION: Final = "system.memory.utilization"
SYSTEM_FILESYSTEM_UTILIZATION: Final = "system.filesystem.utilization"
SYSTEM_MEMORY_STATE: Final = "system.memory.state"
SYSTEM_FILESYSTEM_MOUNTPOINT: Final = "system.filesystem.mountpoint"
SYSTEM_FILESYSTEM_STATE: Final = "system.filesystem.state"
FILESYSTEM_USED: Final = "used"
CPU_MODE: Final = "cpu.mode"
MEMORY_USED: Final = "used"

# The evaluator about itself
LAPBELL_RECEIVER_ITEMS: Final = "lapbell.receiver.items"
LAPBELL_RECEIVER_REJECTED_ITEMS: Final = "lapbell.receiver.rejected_items"
LAPBELL_RECEIVER_REFUSED_EXPORTS: Final = "lapbell.receiver.refused_exports"
LAPBELL_RECEIVER_BYTES: Final = "lapbell.receiver.received"
LAPBELL_RECEIVER_DECODE_TIME: Final = "lapbell.receiver.decode.time"
LAPBELL_RECEIVER_IN_FLIGHT: Final = "lapbell.receiver.in_flight"
LAPBELL_RECEIVER_QUEUED_EXPORTS: Final = "lapbell.receiver.queued_exports"
LAPBELL_RECEIVER_LAG: Final = "lapbell.receiver.lag"
LAPBELL_EVALUATION_LAG: Final = "lapbell.evaluation.lag"
LAPBELL_EVALUATION_FAILING_RULES: Final = "lapbell.evaluation.failing_rules"
LAPBELL_DELIVERY_FAILING_TIME: Final = "lapbell.delivery.failing.time"
LAPBELL_DELIVERY_DELIVERED: Final = "lapbell.delivery.delivered_notices"
LAPBELL_DELIVERY_REFUSED: Final = "lapbell.delivery.refused_notices"
LAPBELL_HEARTBEAT_FAILING_TIME: Final = "lapbell.heartbeat.failing.time"
LAPBELL_DELIVERY_DEAD_LETTERS: Final = "lapbell.delivery.dead_letters"
LAPBELL_RULE_GROUP: Final = "lapbell.rule_group"
LAPBELL_ALERT_RECEIVER: Final = "lapbell.alert.receiver"
LAPBELL_DATABASE_FAILING_TIME: Final = "lapbell.database.failing.time"
LAPBELL_DATABASE_UNWRITTEN: Final = "lapbell.database.unwritten_batches"
LAPBELL_DATABASE_DROPPED: Final = "lapbell.database.dropped_transitions"
LAPBELL_TRACES_KEPT: Final = "lapbell.traces.kept"  # with an incident
LAPBELL_TRACES_LOST: Final = "lapbell.traces.lost"
LAPBELL_HISTORY_COMMITS: Final = "lapbell.history.commits"
LAPBELL_HISTORY_WAITING_SAMPLES: Final = "lapbell.history.waiting_samples"
LAPBELL_HISTORY_CHUNKS: Final = "lapbell.history.chunks"
LAPBELL_HISTORY_DAMAGED: Final = "lapbell.history.damaged"
LAPBELL_DATA_DAMAGED: Final = "lapbell.data.damaged"  # items of a store, found within the last hour
LAPBELL_DATA_STORE: Final = "lapbell.data.store"
LAPBELL_SERIES_HELD: Final = "lapbell.series.held"
LAPBELL_SERIES_LIMIT: Final = "lapbell.series.limit"
LAPBELL_SERIES_OF_FULLEST_METRIC: Final = "lapbell.series.of_fullest_metric"
LAPBELL_SERIES_LIMIT_PER_METRIC: Final = "lapbell.series.limit_per_metric"
LAPBELL_SERIES_METRIC: Final = "lapbell.series.metric"
LAPBELL_SERIES_UNREAD: Final = "lapbell.series.unread"
LAPBELL_SERIES_LIMIT_UNREAD: Final = "lapbell.series.limit_unread"
LAPBELL_SERIES_CUT: Final = "lapbell.series.cut"
LAPBELL_SERIES_REFUSED: Final = "lapbell.series.refused"
LAPBELL_SENDER_CLOCK_OFFSET: Final = "lapbell.sender.clock_offset"
LAPBELL_SENDER_JOB: Final = "lapbell.sender.job"
LAPBELL_SENDER_INSTANCE: Final = "lapbell.sender.instance"
LAPBELL_LOOP_LAG: Final = "lapbell.loop.lag"
LAPBELL_SIGNAL: Final = "lapbell.signal"
LAPBELL_REASON: Final = "lapbell.reason"

# The evaluator's alerts, as OTLP log records and a metric
LAPBELL_ALERTS: Final = "lapbell.alerts"
LAPBELL_ALERT_STORMS: Final = "lapbell.alert.storms"
LAPBELL_ALERT_STORM_ID: Final = "lapbell.alert.storm_id"
LAPBELL_ALERT_PROBLEM_ID: Final = "lapbell.alert.problem_id"
LAPBELL_ALERT_CAUSED_BY: Final = "lapbell.alert.caused_by"  # the key of the incident that explains it
LAPBELL_ALERT_EVENT_PREFIX: Final = "lapbell.alert."
LAPBELL_ALERT_INCIDENT_KEY: Final = "lapbell.alert.incident_key"
LAPBELL_ALERT_INCIDENT_ID: Final = "lapbell.alert.incident_id"
LAPBELL_ALERT_TRANSITION_ID: Final = "lapbell.alert.transition_id"
LAPBELL_ALERT_STATE: Final = "lapbell.alert.state"
LAPBELL_ALERT_PREVIOUS_STATE: Final = "lapbell.alert.previous_state"
LAPBELL_ALERT_PAGE: Final = "lapbell.alert.page"  # somebody should be woken; anything else is an update
LAPBELL_ALERT_REASON: Final = "lapbell.alert.reason"
LAPBELL_ALERT_VALUE: Final = "lapbell.alert.value"
LAPBELL_ALERT_PEAK: Final = "lapbell.alert.peak"  # the worst value since it began
LAPBELL_ALERT_MINUTE_AGO: Final = "lapbell.alert.minute_ago"  # the value then, as the next
LAPBELL_ALERT_FIVE_MINUTES_AGO: Final = "lapbell.alert.five_minutes_ago"
LAPBELL_ALERT_BAD: Final = "lapbell.alert.bad"  # events behind a share, and how many there were
LAPBELL_ALERT_TOTAL: Final = "lapbell.alert.total"
LAPBELL_ALERT_THRESHOLD: Final = "lapbell.alert.threshold"
LAPBELL_ALERT_CAUSE: Final = "lapbell.alert.cause"  # what is to blame, in one line
LAPBELL_ALERT_PHASE: Final = "lapbell.alert.phase"
LAPBELL_ALERT_PHASE_SHARE: Final = "lapbell.alert.phase_share"
LAPBELL_ALERT_TRACE_IDS: Final = "lapbell.alert.trace_ids"
LAPBELL_ALERT_DURATION: Final = "lapbell.alert.duration"
LAPBELL_ALERT_FIRST_BAD_SAMPLE_TIME: Final = "lapbell.alert.first_bad_sample.time"  # Unix seconds, as the next two
LAPBELL_ALERT_RECEIVED_TIME: Final = "lapbell.alert.received.time"
LAPBELL_ALERT_EVALUATED_TIME: Final = "lapbell.alert.evaluated.time"
LAPBELL_ALERT_ACTOR: Final = "lapbell.alert.actor"
LAPBELL_ALERT_WHY: Final = "lapbell.alert.why"
LAPBELL_ALERT_SILENCED_BY: Final = "lapbell.alert.silenced_by"
LAPBELL_ALERT_INHIBITED_BY: Final = "lapbell.alert.inhibited_by"
LAPBELL_ALERT_MAINTAINED_BY: Final = "lapbell.alert.maintained_by"
LAPBELL_ALERT_ANNOTATION_PREFIX: Final = "lapbell.alert.annotation."
EVENT_NAME: Final = "event.name"

# Histogram bounds, seconds: every threshold of the seed is a bound, so a percentile at a threshold is exact. Elsewhere
# it is interpolated inside one bucket, so it is wrong by less than the bucket is wide: for requests from 1 to 15 s,
# where the requirement and the providers' deadlines lie, by at most 12.5 % of the true value.
REQUEST_BOUNDS_S: Final = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.75,
    1.0, 1.1, 1.2, 1.35, 1.5, 1.65, 1.8, 2.0, 2.25, 2.5, 2.75, 3.0, 3.25, 3.65, 4.0, 4.5, 5.0,
    5.5, 6.0, 6.75, 7.5, 8.25, 9.25, 10.0, 11.25, 12.5, 13.75, 15.0, 30.0,
)  # fmt: skip
PHASE_BOUNDS_S: Final = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.75,
    1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0,
)  # fmt: skip
REDIS_BOUNDS_S: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
DEFAULT_TARGET_S: Final = 0.5
DEFAULT_REQUIREMENT_S: Final = 2.0

# Redis commands that wait on purpose: their time says nothing about Redis
REDIS_BLOCKING_COMMANDS: Final = (
    "BLPOP", "BRPOP", "BLMOVE", "BLMPOP", "BRPOPLPUSH", "BZPOPMIN", "BZPOPMAX", "BZMPOP", "XREAD", "XREADGROUP",
    "WAIT", "WAITAOF", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE",
)  # fmt: skip

# The seed's backpressure: percent of the queue's limit, of the workers, of the timeout
BACKPRESSURE_DEPTH: Final = 80
BACKPRESSURE_WORKERS: Final = 90
BACKPRESSURE_TIME: Final = 80
