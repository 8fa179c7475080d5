import type { Chunk, EmbeddingSpace } from "../../adapters/vector/contract.ts";

/** The space of generated vectors: always the same one, so that runs do not leave a new one behind each. */
export const CLUSTER_SPACE: EmbeddingSpace = {
  provider: "agent-stores",
  model: "smoke-clusters-1",
  dimensions: 64,
  normalised: true,
};

const CLUSTERS = 40;
/** Standard deviation of a member around its centre, whose own coordinates have 1. */
const SPREAD = 0.5;

export interface Clusters {
  /** `count` chunks whose vectors lie around the common centres; ids start with `name`, 100 chunks make a document. */
  members(name: string, count: number): Chunk[];
  /** Vectors to ask for, drawn like members but not members. */
  queries(count: number): Float32Array[];
}

/**
 * Vectors as embeddings are: in clusters, which uniform noise is not. All that comes from one `seed` lies around the same centres, so that
 * the nearest neighbours of one tenant's vector are other tenants' and a store has to leave them out. Metadata: `cluster`, and
 * `tenth` and `hundredth`, which have nothing to do with the cluster.
 */
export function clusters(seed: string): Clusters {
  const random = generator(seed);
  const centres = Array.from({ length: CLUSTERS }, () =>
    Array.from({ length: CLUSTER_SPACE.dimensions }, () => gaussian(random)),
  );
  const draw = () => {
    const cluster = Math.floor(random() * CLUSTERS);
    const point = (centres[cluster] ?? []).map((coordinate) => coordinate + SPREAD * gaussian(random));
    const length = Math.hypot(...point);
    return { cluster, vector: Float32Array.from(point, (coordinate) => coordinate / length) };
  };
  return {
    members: (name, count) =>
      Array.from({ length: count }, (_, at): Chunk => {
        const { cluster, vector } = draw();
        return {
          id: `${name}-${at}`,
          document: `${name}/${Math.floor(at / 100)}`,
          uri: `smoke:${name}`,
          text: `member ${at} of ${name}, cluster ${cluster}`,
          position: at % 100,
          metadata: { cluster, tenth: at % 10, hundredth: at % 100 },
          vector,
          space: CLUSTER_SPACE,
        };
      }),
    queries: (count) => Array.from({ length: count }, () => draw().vector),
  };
}

/** Numbers from 0 to 1 that depend on the seed alone (mulberry32). */
function generator(seed: string): () => number {
  let state = [...seed].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 0x01000193), 0x811c9dc5);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const gaussian = (random: () => number) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
