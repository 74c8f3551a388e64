// A component that arrives with its own chunk, shown when it is there.

import { useSignal } from "@preact/signals";
import type { ComponentChildren, ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { t } from "../strings/en.ts";

/** lazy loads on first use; until then its `fallback` stands in its place. */
export function lazy<P>(load: () => Promise<ComponentType<P>>): ComponentType<P & { fallback?: ComponentChildren }> {
  let loaded: ComponentType<P> | null = null;
  return function Lazy(props: P & { fallback?: ComponentChildren }) {
    const ready = useSignal(loaded !== null);
    const failed = useSignal(false);
    useEffect(() => {
      if (loaded) return;
      load().then(
        (c) => {
          loaded = c;
          ready.value = true;
        },
        () => (failed.value = true),
      );
    }, []);
    if (ready.value && loaded) {
      const C = loaded as ComponentType<any>;
      return <C {...props} />;
    }
    return <>{failed.value ? <p class="pad" role="alert">{t.chunkFailed}</p> : (props.fallback ?? null)}</>;
  };
}

