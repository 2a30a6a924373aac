// The frame of everything about who may come in: people, groups, roles, keys, tenants, providers.
import { Outlet } from '@tanstack/react-router';
import { TabLinks } from '../kit/tabs';
import { useMay } from './session';

const TABS = [
  ['/access', 'People', 'manageUsers'], ['/access/groups', 'Groups', 'manageUsers'], ['/access/roles', 'Roles', 'viewPolicies'], ['/access/keys', 'Keys', 'manageKeys'],
  ['/access/tenants', 'Tenants', 'manageUsers'], ['/access/providers', 'Providers', 'manageProviders'],
] as const;

export default function Access() {
  const may = useMay();
  return (
    <div className="flex h-full min-h-0 flex-col">
      <TabLinks label="Access" items={TABS.filter(([, , needs]) => may(needs)).map(([to, label]) => ({ to, label, exact: to === '/access', ...(to === '/access' ? { within: '/access/people/' } : {}) }))} />
      <div className="min-h-0 grow"><Outlet /></div>
    </div>
  );
}

