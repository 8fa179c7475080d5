import { z } from "zod";
import { ACCOUNTS, type Account, type At, GiB, MiB, type Product } from "../product.ts";
import { type SecretRef, type Text, url } from "../secret.ts";

/** What Kafka calls each account. */
const USER_OF = { admin: "admin", owner: "agent_owner", fleet: "agent_fleet", app: "agent_core" } as const;

const login = (at: At, account: Account): Text =>
  url({
    scheme: "kafka:",
    username: USER_OF[account],
    password: at.secret(account),
    host: at.host,
    port: at.ports.kafka,
    path: `/${at.options.topics}`,
    query: { tls: "false" },
  });

const CONFIG = "/run/secrets/kafka.properties";
/** A sub-folder: the root of a volume may have a `lost+found`, which the server takes for a log. */
const DATA = "/var/lib/kafka/data/kraft";
/** Of the cluster, which has one server: it must be the same whenever the volume is opened. */
const CLUSTER = "5L6g3nShT-eMCtK--X86sw";

const START = [
  `[ -e ${DATA}/meta.properties ] || /opt/kafka/bin/kafka-storage.sh format -t ${CLUSTER} -c ${CONFIG} >/dev/null`,
  `exec /opt/kafka/bin/kafka-server-start.sh ${CONFIG}`,
].join("\n");

/** `ApiVersions`, the one request that needs no account, and its answer: the image's own client would take seconds of a whole core. */
const READY =
  "exec 3<>/dev/tcp/127.0.0.1/9092; printf '\\0\\0\\0\\12\\0\\22\\0\\0\\0\\0\\0\\1\\377\\377' >&3; [ $(head -c 10 <&3 | wc -c) -eq 10 ]";

/**
 * One listener for clients, which asks for an account, and two that are heard inside the container alone: with one that is advertised at a port of the host the server could not
 * reach itself. A server that was killed is let in again when its session has ended, for which 9 seconds are usual: there is no other that could lead meanwhile.
 */
const settings = (at: At): (string | SecretRef)[] => [
  `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@localhost:29093
listeners=CLIENT://:9092,BROKER://localhost:29092,CONTROLLER://localhost:29093
advertised.listeners=CLIENT://${at.host}:${at.ports.kafka},BROKER://localhost:29092
listener.security.protocol.map=CLIENT:SASL_PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=BROKER
sasl.enabled.mechanisms=PLAIN
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:admin
auto.create.topics.enable=false
log.dirs=${DATA}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
listener.name.client.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required`,
  ...ACCOUNTS.flatMap((account) => [` user_${USER_OF[account]}="`, at.secret(account), '"']),
  ";\n",
];

export default {
  title: "Apache Kafka",
  licence: "Apache-2.0",
  upkeep: { state: "maintained" },
  roles: ["event"],
  protocol: "kafka",
  freezes: "roles",
  options: z.strictObject({
    topics: z
      .string()
      .regex(/^[a-z0-9][a-z0-9_-]{0,99}$/, "expected 1 to 100 of a-z, 0-9, _ and -")
      .default("agent-events")
      .describe("what the names of topics begin with: each tenant has one"),
  }),
  urls: (at) => ({
    admin: login(at, "admin"),
    owner: login(at, "owner"),
    fleet: login(at, "fleet"),
    app: login(at, "app"),
  }),
  variables: (at) => ({ KAFKA_BROKERS: `${at.host}:${at.ports.kafka}` }),
  container: {
    image: "docker.io/apache/kafka:4.3.1",
    ports: { kafka: { container: 9092, host: 9092 } },
    data: "/var/lib/kafka/data",
    user: { uid: 1000, gid: 1000, any: true },
    credentials: ["admin", "owner", "fleet", "app"],
    env: ({ budget }) => ({
      // The rest is for the files that it maps, and for the process itself.
      KAFKA_HEAP_OPTS: `-Xms${Math.floor(budget.memory / 4 / MiB)}m -Xmx${Math.floor(budget.memory / 2 / MiB)}m`,
      LOG_DIR: "/tmp/kafka",
    }),
    args: () => ["bash", "-ec", START],
    files: (at) => ({ [CONFIG]: { content: { join: settings(at) } } }),
    probe: { exec: ["bash", "-c", READY] },
    stop: { signal: "SIGTERM", grace: 60 },
    startup: 180,
    budgets: {
      dev: { cpu: 1, memory: 1 * GiB, disk: 10 * GiB },
      production: { cpu: 2, memory: 6 * GiB, disk: 100 * GiB },
    },
    minimum: { memory: 512 * MiB },
  },
} satisfies Product;
