// Whose voice a vote is: one's own, or of somebody who has handed theirs on. Nothing is chosen beforehand but one's own.
export function StandsFor({ names, value, onChange }: { names: readonly string[] | undefined; value: string; onChange: (name: string) => void }) {
  if (!names?.length) return null;
  return (
    <fieldset className="mt-2 flex flex-wrap items-center gap-x-5 gap-y-1"><legend className="float-start me-4 font-medium">This is</legend>
      {['', ...names].map((name) => <label key={name} className="flex min-h-7 items-center gap-2 max-md:min-h-11"><input type="radio" name="stands-for" className="size-4 accent-(--accent-solid)" checked={value === name} onChange={() => onChange(name)} />{name ? <span>the vote of <bdi>{name}</bdi>, in whose place I stand</span> : 'my own vote'}</label>)}
    </fieldset>
  );
}
