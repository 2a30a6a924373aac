// Requests, and what people arrange around them, as the pages of one place.
import { useQuery } from '@tanstack/react-query';
import { q } from '../api/queries';
import { TabLinks } from '../kit/tabs';
import { Page } from '../kit/panes';

export function ApprovalTabs() {
  const glass = useQuery({ ...q.glass(), retry: false });
  return (
    <TabLinks label="Approvals" items={[
      { to: '/approvals', label: 'Requests', exact: true, within: '/approvals/apr_' },
      { to: '/approvals/ahead', label: 'Agreed to ahead' },
      { to: '/approvals/standing-in', label: 'Standing in' },
      { to: '/approvals/broken-glass', label: 'Broken glass', n: glass.data?.unreviewed, said: 'not reviewed' },
      { to: '/approvals/figures', label: 'How people decide' },
    ]} />
  );
}

/** A page under the tabs. */
export function Arranged(page: Parameters<typeof Page>[0]) {
  return <div className="flex h-full min-h-0 flex-col"><ApprovalTabs /><div className="min-h-0 grow"><Page {...page} /></div></div>;
}
