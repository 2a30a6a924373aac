// A text as a picture for a camera. Drawn here, so that no other site ever sees what it says.
import { encode } from 'uqr';
import { useMemo } from 'react';

export function Qr({ text, label }: { text: string; label: string }) {
  const { size, path } = useMemo(() => {
    const { data, size } = encode(text, { ecc: 'M', border: 4 });
    return { size, path: data.map((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : '')).join('')).join('') };
  }, [text]);
  // Dark on light in every theme: cameras want it so.
  return <svg role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shapeRendering="crispEdges" className="mx-auto size-48"><rect width={size} height={size} fill="#fff" /><path d={path} fill="#000" /></svg>;
}
